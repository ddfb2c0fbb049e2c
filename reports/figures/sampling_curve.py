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
_APART = 1.05  # between samplers at equal steps, so that their intervals do not hide each other
_ABOUT = (
    "Steps are network evaluations a volume, their cost; seconds were measured on the device that "
    "drew them. All points of a method are one trained model and the same noise seeds."
)


@dataclass(frozen=True)
class Drawn:
    """A point with its cost and its estimates, by metric."""

    point: Point
    seconds: float
    evaluations: int
    estimates: dict[MetricFacts, Estimate]


def write_curve(folder: Path) -> Path:
    """Write CSV, Markdown table and figure below a protocol's folder.

    Args:
        folder: Where ``benchmark.runs.sampler_sweep.draw_curve`` has been.

    Returns:
        The Markdown table, ``sampling/curve.md``; ``curve.csv`` and ``curve.png``, ``.pdf`` and
        ``.svg`` lie beside it.

    Raises:
        UserError: There are no points, or nothing can be written.
    """
    results = read_results(folder)
    drawn = read_points(results)
    stem = folder / FOLDER / "curve"
    write_text(stem.with_suffix(".csv"), to_csv(curve_records(results, drawn)))
    save(draw_panels(results, drawn), stem, (".png", ".pdf", ".svg"))
    table = stem.with_suffix(".md")
    write_text(table, to_markdown(print_curve(results, drawn)))
    return table


def read_points(results: Results) -> list[Drawn]:
    """The points that were drawn last, in their order.

    Raises:
        UserError: There are none.
    """
    path = results.folder / POINTS
    if not path.is_file():
        raise UserError(f"{path}: no points; 'python cli.py curve' draws them")
    points = [Point(**values) for values in json.loads(path.read_text(encoding="utf-8"))]
    return [_read(results, point) for point in points]


def _read(results: Results, point: Point) -> Drawn:
    entry = Entry(point.method, point.settings, point.method)
    runs = results.runs_of(entry)
    if not runs:
        raise UserError(
            f"{results.folder}: {point.method} in {point.steps} steps of {point.sampler} is gone; "
            "the same 'python cli.py curve' draws it again"
        )
    facts = runs[0].facts
    return Drawn(
        point,
        seconds=float(facts["seconds_per_volume"]),
        evaluations=int(facts["network_evaluations"]),
        estimates={metric: estimate(results, entry, metric) for metric in results.metrics},
    )


def curve_records(results: Results, drawn: list[Drawn]) -> list[dict[str, Any]]:
    """One row a point and metric."""
    return [
        {
            "method": its.point.method,
            "sampler": its.point.sampler,
            "steps": its.point.steps,
            "metric": metric.name,
            "value": its.estimates[metric].value,
            "low": its.estimates[metric].interval.low,
            "high": its.estimates[metric].interval.high,
            "seconds_per_volume": its.seconds,
            "network_evaluations": its.evaluations,
            "eta": its.point.eta,
            "default": its.point.default,
            "title": its.estimates[metric].title,
        }
        for its in drawn
        for metric in results.metrics
    ]


def print_curve(results: Results, drawn: list[Drawn]) -> Printed:
    """A line a point, under a heading for each method and sampler."""
    heads = ("Steps", "Seconds a volume", *(_short(metric) for metric in results.metrics))
    sections = tuple(
        Section(
            f"{method_label(method)}, {NAMES[sampler]}",
            tuple(_line(results, its) for its in _curve(drawn, method, sampler)),
        )
        for method, sampler in _curves(drawn)
    )
    titles = "; ".join(f"{_short(metric)}: {metric.title}" for metric in results.metrics)
    text = f"{titles}. {_ABOUT} {caption(results).removesuffix(RANKS).strip()}"
    return Printed("", "Quality against cost of sampling", tuple(map(Box, heads)), sections, text)


def _line(results: Results, its: Drawn) -> tuple[Box, ...]:
    steps = Box(str(its.point.steps), (DEFAULT,) if its.point.default else ())
    return (steps, Box(f"{its.seconds:.3g}"), *(_box(its, metric) for metric in results.metrics))


def _box(its: Drawn, metric: MetricFacts) -> Box:
    found = its.estimates[metric]
    within = interval(found.interval, metric.decimals)
    return Box(number(found.value, metric.decimals), (within,) if within else ())


def draw_panels(results: Results, drawn: list[Drawn]) -> Figure:
    """A row of panels a method, a panel a metric, a line a sampler; the default is ringed."""
    methods = list(dict.fromkeys(its.point.method for its in drawn))
    metrics = results.metrics
    size = (_PANEL[0] * len(metrics), _PANEL[1] * len(methods) + 0.35)
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(len(methods), len(metrics), squeeze=False, sharex=True)
    for row, method in zip(grid, methods, strict=True):
        for panel, metric in zip(row, metrics, strict=True):
            _draw_panel(panel, metric, [its for its in drawn if its.point.method == method])
            panel.set_title(_short(metric) if method == methods[0] else "", fontsize=8.5, color=INK)
        row[0].set_ylabel(method_label(method), fontsize=9, color=INK, weight="bold")
    _label_steps(grid[0][0], sorted({its.point.steps for its in drawn}))
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


def _draw_panel(panel: Axes, metric: MetricFacts, drawn: list[Drawn]) -> None:
    samplers = list(dict.fromkeys(its.point.sampler for its in drawn))
    known = [its for its in drawn if not math.isnan(its.estimates[metric].value)]
    for place, sampler in enumerate(samplers):
        shift = _APART ** (place - (len(samplers) - 1) / 2)
        _draw_curve(panel, metric, [its for its in known if its.point.sampler == sampler], shift)
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


def _draw_curve(panel: Axes, metric: MetricFacts, curve: list[Drawn], shift: float) -> None:
    if not curve:
        return
    sampler = curve[0].point.sampler
    colour = COLOURS[list(NAMES).index(sampler)]
    steps = [its.point.steps * shift for its in curve]
    found = [its.estimates[metric] for its in curve]
    bounds = [its.interval.low for its in found], [its.interval.high for its in found]
    panel.vlines(steps, *bounds, color=colour, linewidth=0.7, alpha=0.45)
    values = [its.value for its in found]
    panel.plot(
        steps,
        values,
        color=colour,
        marker=_MARKS[sampler],
        markersize=3.5,
        linewidth=1.2,
        label=NAMES[sampler],
    )
    for its, step, value in zip(curve, steps, values, strict=True):
        if its.point.default:
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


def _curves(drawn: list[Drawn]) -> list[tuple[str, str]]:
    return list(dict.fromkeys((its.point.method, its.point.sampler) for its in drawn))


def _curve(drawn: list[Drawn], method: str, sampler: str) -> list[Drawn]:
    return [its for its in drawn if (its.point.method, its.point.sampler) == (method, sampler)]


def _short(metric: MetricFacts) -> str:
    """The name without what its brackets hold, unless two would be the same."""
    unit = f", {metric.unit}" if metric.unit else ""
    return f"{metric.title.partition(' [')[0]}{unit} {metric.arrow}"
