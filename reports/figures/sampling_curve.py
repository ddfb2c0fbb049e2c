"""Quality against cost: a figure and a table of every sampler and number of steps."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.files import write_text
from longibench.benchmark.core.workspace import POINTS
from longibench.benchmark.runs.sampler_sweep import Point
from longibench.methods.samplers import NAMES
from longibench.reports.figures.style import COLOURS, INK, MUTED, save
from longibench.reports.model.caption import RANKS, caption
from longibench.reports.model.estimates import Estimate, estimate
from longibench.reports.model.formats import interval, number
from longibench.reports.model.labels import method_label
from longibench.reports.model.metric_facts import MetricFacts
from longibench.reports.model.results import Entry, Results, read_results
from longibench.reports.model.text_table import Box, Printed, Section
from longibench.reports.tables.csv_records import to_csv
from longibench.reports.tables.markdown_latex import to_markdown

FOLDER = "sampling"
DEFAULT = "default"
_MARKS = {"ddpm": "s", "ddim": "o", "dpm-solver++": "^"}
_PANEL = (2.3, 2.0)  # inches
_APART = 1.05  # offset of samplers at equal steps, so that their intervals do not overlap
_ABOUT = (
    "Steps are network evaluations per volume, their cost; seconds were measured on the device "
    "that generated them. All points of a method use one trained model and the same noise seeds."
)


@dataclass(frozen=True)
class MeasuredPoint:
    """A point with its cost and its estimates, by metric."""

    point: Point
    seconds: float
    evaluations: int
    estimates: dict[MetricFacts, Estimate]


def write_curve(folder: Path) -> Path:
    """Write CSV, Markdown table and figure below a protocol's folder.

    Args:
        folder: The protocol's folder, as filled by ``benchmark.runs.sampler_sweep``.

    Returns:
        The Markdown table, ``sampling/curve.md``; ``curve.csv`` and ``curve.png``, ``.pdf`` and
        ``.svg`` are next to it.

    Raises:
        UserError: There are no points, or nothing can be written.
    """
    results = read_results(folder)
    points = read_points(results)
    stem = folder / FOLDER / "curve"
    write_text(stem.with_suffix(".csv"), to_csv(curve_records(results, points)))
    save(draw_panels(results, points), stem, (".png", ".pdf", ".svg"))
    table = stem.with_suffix(".md")
    write_text(table, to_markdown(print_curve(results, points)))
    return table


def read_points(results: Results) -> list[MeasuredPoint]:
    """The points that were generated last, in their order.

    Raises:
        UserError: There are none.
    """
    path = results.folder / POINTS
    if not path.is_file():
        raise UserError(f"{path}: no points; 'python cli.py curve' generates them")
    points = [Point(**values) for values in json.loads(path.read_text(encoding="utf-8"))]
    return [_read(results, point) for point in points]


def _read(results: Results, point: Point) -> MeasuredPoint:
    entry = Entry(point.method, point.settings, point.method)
    runs = results.runs_of(entry)
    if not runs:
        raise UserError(
            f"{results.folder}: {point.method} in {point.steps} steps of {point.sampler} is "
            "missing; the same 'python cli.py curve' generates it again"
        )
    facts = runs[0].facts
    return MeasuredPoint(
        point,
        seconds=float(facts["seconds_per_volume"]),
        evaluations=int(facts["network_evaluations"]),
        estimates={metric: estimate(results, entry, metric) for metric in results.metrics},
    )


def curve_records(results: Results, points: list[MeasuredPoint]) -> list[dict[str, Any]]:
    """One row per point and metric."""
    return [
        {
            "method": measured.point.method,
            "sampler": measured.point.sampler,
            "steps": measured.point.steps,
            "metric": metric.name,
            "value": measured.estimates[metric].value,
            "low": measured.estimates[metric].interval.low,
            "high": measured.estimates[metric].interval.high,
            "seconds_per_volume": measured.seconds,
            "network_evaluations": measured.evaluations,
            "eta": measured.point.eta,
            "default": measured.point.default,
            "title": measured.estimates[metric].title,
        }
        for measured in points
        for metric in results.metrics
    ]


def print_curve(results: Results, points: list[MeasuredPoint]) -> Printed:
    """One line per point, under a heading for each method and sampler."""
    heads = ("Steps", "Seconds per volume", *(_short(metric) for metric in results.metrics))
    sections = tuple(
        Section(
            f"{method_label(method)}, {NAMES[sampler]}",
            tuple(_line(results, measured) for measured in _curve(points, method, sampler)),
        )
        for method, sampler in _curves(points)
    )
    titles = "; ".join(f"{_short(metric)}: {metric.title}" for metric in results.metrics)
    text = f"{titles}. {_ABOUT} {caption(results).removesuffix(RANKS).strip()}"
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


def draw_panels(results: Results, points: list[MeasuredPoint]) -> Figure:
    """One row of panels per method, one panel per metric, one line per sampler; default ringed."""
    methods = list(dict.fromkeys(measured.point.method for measured in points))
    metrics = results.metrics
    size = (_PANEL[0] * len(metrics), _PANEL[1] * len(methods) + 0.35)
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(len(methods), len(metrics), squeeze=False, sharex=True)
    for row, method in zip(grid, methods, strict=True):
        for panel, metric in zip(row, metrics, strict=True):
            _draw_panel(
                panel, metric, [measured for measured in points if measured.point.method == method]
            )
            panel.set_title(_short(metric) if method == methods[0] else "", fontsize=8.5, color=INK)
        row[0].set_ylabel(method_label(method), fontsize=9, color=INK, weight="bold")
    _label_steps(grid[0][0], sorted({measured.point.steps for measured in points}))
    for panel in grid[-1]:
        panel.set_xlabel("steps (network evaluations)", fontsize=7, color=MUTED)
    _draw_legend(figure)
    return figure


def _label_steps(panel: Axes, steps: list[int]) -> None:
    """A logarithmic axis, shared by all panels, with a tick at each number of steps."""
    panel.set_xscale("log")
    panel.xaxis.set_minor_locator(NullLocator())
    panel.set_xticks(steps, [str(count) for count in steps])


def _draw_legend(figure: Figure) -> None:
    lines = {str(line.get_label()): line for panel in figure.axes for line in panel.get_lines()}
    names = [name for name in (*NAMES.values(), DEFAULT) if name in lines]
    figure.legend(
        [lines[name] for name in names],
        names,
        loc="outside lower center",
        ncols=len(names),
        fontsize=7.5,
        frameon=False,
    )


def _draw_panel(panel: Axes, metric: MetricFacts, points: list[MeasuredPoint]) -> None:
    samplers = list(dict.fromkeys(measured.point.sampler for measured in points))
    known = [measured for measured in points if not math.isnan(measured.estimates[metric].value)]
    for place, sampler in enumerate(samplers):
        shift = _APART ** (place - (len(samplers) - 1) / 2)
        _draw_curve(
            panel,
            metric,
            [measured for measured in known if measured.point.sampler == sampler],
            shift,
        )
    if not known:
        at = panel.transAxes
        panel.text(
            0.5, 0.5, "no value", ha="center", va="center", transform=at, fontsize=7, color=MUTED
        )
        panel.set_yticks([])
    panel.tick_params(labelsize=6.5, color=MUTED, labelcolor=INK, length=2.5)
    panel.grid(axis="y", color="#e3e7eb", linewidth=0.6)
    panel.set_axisbelow(True)
    panel.spines[["top", "right"]].set_visible(False)


def _draw_curve(panel: Axes, metric: MetricFacts, curve: list[MeasuredPoint], shift: float) -> None:
    if not curve:
        return
    sampler = curve[0].point.sampler
    colour = COLOURS[list(NAMES).index(sampler)]
    steps = [measured.point.steps * shift for measured in curve]
    found = [measured.estimates[metric] for measured in curve]
    bounds = (
        [measured.interval.low for measured in found],
        [measured.interval.high for measured in found],
    )
    panel.vlines(steps, *bounds, color=colour, linewidth=0.7, alpha=0.45)
    values = [measured.value for measured in found]
    panel.plot(
        steps,
        values,
        color=colour,
        marker=_MARKS[sampler],
        markersize=3.5,
        linewidth=1.2,
        label=NAMES[sampler],
    )
    for measured, step, value in zip(curve, steps, values, strict=True):
        if measured.point.default:
            _draw_ring(panel, step, value)


def _draw_ring(panel: Axes, step: float, value: float) -> None:
    panel.plot(
        step,
        value,
        linestyle="",
        marker="o",
        markersize=9,
        markerfacecolor="none",
        markeredgecolor=INK,
        label=DEFAULT,
    )


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


def _short(metric: MetricFacts) -> str:
    """The name without its brackets."""
    unit = f", {metric.unit}" if metric.unit else ""
    return f"{metric.title.partition(' [')[0]}{unit} {metric.arrow}"
