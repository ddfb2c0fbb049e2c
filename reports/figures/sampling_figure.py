"""The figure of quality against cost: a panel per method and metric, a line per sampler."""

import textwrap
from collections.abc import Sequence
from typing import Any

import pandas as pd
import seaborn as sns
from matplotlib import pyplot
from matplotlib.figure import Figure

from longibench.methods.samplers import NAMES
from longibench.reports.figures.sampling_points import MeasuredPoint, curve_records, short_names
from longibench.reports.figures.style import COLOURS, INK, look
from longibench.reports.model.labels import method_label
from longibench.reports.model.metric_facts import MetricFacts
from longibench.reports.model.results import Results

DEFAULT = "default"
_MARKS = dict(zip(NAMES.values(), "so^", strict=True))
_COLOURS = dict(zip(NAMES.values(), COLOURS, strict=False))
_POINT = {"markersize": 5, "markeredgewidth": 0}
_HEIGHT = 2.4  # inches of a panel
_TITLE = 26  # characters of a title on one line
_APART = 1.05  # between samplers at equal steps, so that no interval hides another


def draw_panels(results: Results, points: list[MeasuredPoint]) -> Figure:
    """A row of panels per method, a panel per metric, a line per sampler; the default is ringed."""
    table = _table(results, points)
    samplers = [name for name in NAMES.values() if name in set(table["sampler"])]
    with look():
        grid = sns.FacetGrid(
            table, row="method", col="metric", hue="sampler", hue_order=samplers, palette=_COLOURS,
            hue_kws={"marker": [_MARKS[name] for name in samplers]}, sharey=False,
            margin_titles=True, legend_out=False, dropna=True, height=_HEIGHT, aspect=1.15,
        )  # fmt: skip
        grid.map(_draw_intervals, "place", "low", "high")
        grid.map(sns.lineplot, "place", "value", errorbar=None, legend=False, **_POINT)
        grid.map(_draw_ring, "ring", "value")
        _name_panels(grid, sorted(table["steps"].unique()))
        grid.add_legend(label_order=[*samplers, DEFAULT], title="")
        columns = len(samplers) + 1 if len(results.metrics) > 1 else 1
        sns.move_legend(grid, "outside lower center", ncols=columns)
        grid.figure.set_layout_engine("constrained")
    return grid.figure


def _table(results: Results, points: list[MeasuredPoint]) -> pd.DataFrame:
    """The records with displayed names; ``place`` separates samplers of equal steps."""
    table = pd.DataFrame(curve_records(results, points))
    samplers = list(dict.fromkeys(table["sampler"]))
    place = table["steps"] * _APART ** (table["sampler"].map(samplers.index) - len(samplers) // 2)
    return table.assign(
        method=table["method"].map(method_label),
        metric=_titles(results.metrics) * len(points),
        sampler=table["sampler"].map(NAMES),
        place=place,
        ring=place.where(table["default"]),
    )


def _titles(metrics: Sequence[MetricFacts]) -> list[str]:
    """Names over several lines, the arrow on the last."""
    names = (
        (metric, name.removesuffix(metric.arrow)) for metric, name in short_names(metrics).items()
    )
    return [f"{textwrap.fill(name, _TITLE)} {metric.arrow}" for metric, name in names]


def _draw_intervals(
    places: pd.Series, low: pd.Series, high: pd.Series, color: Any, **_: Any
) -> None:
    pyplot.vlines(places, low, high, color=color, linewidth=1, alpha=0.5)


def _draw_ring(places: pd.Series, values: pd.Series, **_: Any) -> None:
    if len(places):
        pyplot.plot(places, values, "o", fillstyle="none", color=INK, ms=9, label=DEFAULT)


def _name_panels(grid: sns.FacetGrid, steps: list[int]) -> None:
    """Titles, and a logarithmic axis with a tick at each number of steps."""
    grid.set_titles(col_template="{col_name}", row_template="{row_name}")
    grid.set_axis_labels("steps (network evaluations)", "")
    grid.set(xscale="log", xticks=steps, xticklabels=steps)
    for panel in grid.axes.flat:
        panel.minorticks_off()
        if not any(len(line.get_xdata()) for line in panel.lines):
            panel.set_yticks([])
            panel.annotate("no value", (0.5, 0.5), xycoords="axes fraction", ha="center")
