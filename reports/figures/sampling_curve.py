"""Quality against cost: a figure and a table of every sampler and number of steps."""

from pathlib import Path

from longibench.benchmark.core.files import write_text
from longibench.benchmark.core.workspace import PATIENCE, Workspace
from longibench.methods.samplers import NAMES
from longibench.reports.figures.sampling_figure import DEFAULT, draw_panels
from longibench.reports.figures.sampling_points import (
    MeasuredPoint,
    curve_records,
    read_points,
    short_names,
)
from longibench.reports.figures.style import save
from longibench.reports.model.caption import caption
from longibench.reports.model.formats import interval, number
from longibench.reports.model.labels import method_label
from longibench.reports.model.metric_facts import MetricFacts
from longibench.reports.model.results import Results, read_results
from longibench.reports.model.text_table import Box, Printed, Section
from longibench.reports.tables.csv_records import to_csv
from longibench.reports.tables.markdown_latex import to_markdown

FOLDER, SECONDS = "sampling", "Seconds per volume"
_ABOUT = (
    "Steps are network evaluations per volume, their cost; seconds were measured on the device "
    "that generated them. All points of a method use one trained model and the same noise seeds."
)


def write_curve(folder: Path) -> Path:
    """Write CSV, Markdown table and figure below a protocol's folder.

    Args:
        folder: The folder that ``benchmark.runs.sampler_sweep.sweep_samplers`` returned.

    Returns:
        The Markdown table, ``sampling/curve.md``; ``curve.csv`` and ``curve.png``, ``.pdf`` and
        ``.svg`` are next to it.

    Raises:
        UserError: There are no points, or nothing can be written.
    """
    results = read_results(folder)
    points = read_points(results)
    stem = folder / FOLDER / "curve"
    table = stem.with_suffix(".md")
    with Workspace(folder.parent).lock(stem.parent, PATIENCE):
        write_text(stem.with_suffix(".csv"), to_csv(curve_records(results, points)))
        save(draw_panels(results, points), stem, (".png", ".pdf", ".svg"))
        write_text(table, to_markdown(print_curve(results, points)))
    return table


def print_curve(results: Results, points: list[MeasuredPoint]) -> Printed:
    """One line per point, under a heading for each method and sampler."""
    names = short_names(results.metrics)
    heads = ("Steps", SECONDS, *names.values())
    sections = tuple(
        Section(
            f"{method_label(method)}, {NAMES[sampler]}",
            tuple(_line(results, measured) for measured in _curve(points, method, sampler)),
        )
        for method, sampler in _curves(points)
    )
    titles = "; ".join(f"{name}: {metric.title}" for metric, name in names.items())
    text = f"{titles}. {_ABOUT} {caption(results)}"
    return Printed("", "Quality against cost of sampling", tuple(map(Box, heads)), sections, text)


def _line(results: Results, measured: MeasuredPoint) -> tuple[Box, ...]:
    steps = Box(str(measured.point.steps), (DEFAULT,) if measured.point.default else ())
    return (
        steps,
        Box(f"{measured.seconds:.3g}"),
        *(_box(measured, metric) for metric in results.metrics),
    )


def _box(measured: MeasuredPoint, metric: MetricFacts) -> Box:
    found = measured.estimates[metric]
    within = interval(found.interval, metric.decimals)
    return Box(number(found.value, metric.decimals), (within,) if within else ())


def _curves(points: list[MeasuredPoint]) -> list[tuple[str, str]]:
    return list(
        dict.fromkeys((measured.point.method, measured.point.sampler) for measured in points)
    )


def _curve(points: list[MeasuredPoint], method: str, sampler: str) -> list[MeasuredPoint]:
    return [
        measured
        for measured in points
        if (measured.point.method, measured.point.sampler) == (method, sampler)
    ]
