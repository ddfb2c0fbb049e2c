"""Error of the estimate against the noise in its input: does a row that denoises use its input?"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from longibench.benchmark.evaluation.diagnostics_file import Denoising
from longibench.reports.figures.style import COLOURS, INK, MUTED, look
from longibench.reports.model.diagnosis import diagnostics_of
from longibench.reports.model.results import Results

COPY = "input returned"
_SIZE = (5.2, 3.4)  # inches
_WIDEST = 3.0  # the first line, under the others: lines of methods that are alike are all visible
_MARKS = ("o", "s", "^", "D", "v", "P")
_MARGIN = 1.6  # the axis ends at the smallest error over this, and the largest times this

Curve = tuple[str, Denoising]


def draw_denoising_curves(results: Results) -> Figure | None:
    """Draw a line for each method and training seed; None if no row with diagnostics denoises.

    The last level, at which the input is pure noise, is a dotted line: it lies far to the right.
    """
    curves = [
        (entry.label, found.denoising)
        for entry in results.pictured
        for _, found in diagnostics_of(results, entry)
        if found.denoising is not None
    ]
    return _draw(curves) if curves else None


def _draw(curves: Sequence[Curve]) -> Figure:
    labels = list(dict.fromkeys(label for label, _ in curves))
    colours = dict(zip(labels, sns.color_palette(COLOURS, len(labels)), strict=True))
    widths = dict(zip(labels, np.linspace(_WIDEST, 1, len(labels)), strict=True))
    with look():
        figure = Figure(figsize=_SIZE, layout="constrained")
        axes = figure.subplots()
        sns.lineplot(
            _points(curves), x="ratio", y="rmse", hue="row", style="row", units="run",
            size="row", sizes=widths, estimator=None, palette=colours,
            markers=list(_MARKS[: len(labels)]), dashes=False,
            markersize=4, markeredgewidth=0, ax=axes,
        )  # fmt: skip
        for label, its in curves:
            axes.axhline(its.from_noise, color=colours[label], linestyle=":", linewidth=0.9)
            axes.plot(its.ratio, its.given_input, "o", fillstyle="none", color=INK, ms=9)
        _scale(axes, [its for _, its in curves])
        if inner := axes.get_legend():
            inner.remove()
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def _points(curves: Sequence[Curve]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"row": label, "run": number, "ratio": point.ratio, "rmse": point.rmse}
            for number, (label, its) in enumerate(curves)
            for point in its.curve[:-1] or its.curve
        ]
    )


def _scale(axes: Axes, curves: Sequence[Denoising]) -> None:
    """Logarithmic axes, and the line where the error is the ratio, within the errors' range."""
    errors = [point.rmse for its in curves for point in its.curve if point.rmse > 0]
    ratios = [point.ratio for its in curves for point in its.curve[:-1] or its.curve]  # not noise
    low, high = min(errors, default=1.0) / _MARGIN, max(errors, default=1.0) * _MARGIN
    axes.set(xscale="log", yscale="log", ylim=(low, high))
    axes.set_xlim(0.8 * min(ratios), 1.25 * max(ratios))
    for axis, digits in ((axes.xaxis, (1,)), (axes.yaxis, (1, 2, 5))):
        axis.set_major_locator(LogLocator(subs=digits))
        axis.set_major_formatter("{x:g}")
    axes.minorticks_off()
    axes.plot([low, high], [low, high], "--", color=MUTED, linewidth=0.9, label=COPY)
    axes.set(xlabel="noise / signal", ylabel="RMSE of the estimate")
