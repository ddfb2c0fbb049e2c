"""Training curves: one panel per method, because different losses cannot share an axis."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from longibench.benchmark.core.workspace import LOSSES, VALIDATION
from longibench.reports.figures.style import COLOURS, INK, MUTED
from longibench.reports.model.results import Entry, Results, Run

_COLUMNS = 3
_PANEL = (2.9, 2.1)  # inches
_POINTS = 2000  # drawn at most; more are not visible
_SMOOTHING = 0.03  # of the curve's length
_LOG_FROM = 20.0  # a loss whose 99% and 1% quantiles differ by this factor gets a log axis


def draw_curves(results: Results) -> Figure | None:
    """Draw loss against iteration of every method that was trained; None if none was."""
    panels = [(entry, _losses_of(results, entry)) for entry in results.entries]
    panels = [(entry, curves) for entry, curves in panels if curves]
    if not panels:
        return None
    columns = min(len(panels), _COLUMNS)
    rows = math.ceil(len(panels) / columns)
    figure = Figure(figsize=(_PANEL[0] * columns, _PANEL[1] * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for place, (panel, (entry, curves)) in enumerate(zip(axes, panels, strict=False)):
        _draw_panel(panel, entry, curves, COLOURS[place % len(COLOURS)])
        _draw_validation(panel, _validation_of(results, entry))
    for panel in axes[len(panels) :]:
        panel.set_visible(False)
    return figure


def smooth(values: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    """Centred running mean; at the ends over the available values.

    Args:
        values: Values, (N,).
        window: Number of values averaged; made odd.
    """
    half = max(window, 1) // 2
    total = np.concatenate([[0.0], np.cumsum(values)])
    places = np.arange(len(values))
    low, high = np.maximum(places - half, 0), np.minimum(places + half + 1, len(values))
    return np.asarray((total[high] - total[low]) / (high - low))


def _losses_of(results: Results, entry: Entry) -> list[pd.DataFrame]:
    """One table of losses per training seed."""
    found = [_losses(results, run) for run in results.runs_of(entry)]
    return [losses for losses in found if losses is not None and len(losses)]


def _losses(results: Results, run: Run) -> pd.DataFrame | None:
    model = run.facts.get("model")
    path = results.workspace / str(model) / LOSSES if model else Path()
    if not path.is_file():
        return None
    losses = pd.read_csv(path).dropna(subset=["loss"])
    losses["iteration"] = _iterations(losses)
    return losses


def _validation_of(results: Results, entry: Entry) -> list[pd.DataFrame]:
    """One table of validation losses per training seed that has any; already in iterations."""
    models = [run.facts.get("model") for run in results.runs_of(entry)]
    paths = [results.workspace / str(model) / VALIDATION for model in models if model]
    found = [pd.read_csv(path).dropna(subset=["loss"]) for path in paths if path.is_file()]
    return [losses for losses in found if len(losses)]


def _iterations(losses: pd.DataFrame) -> NDArray[np.float64]:
    """Steps counted over all stages, even if each stage restarts at zero."""
    steps = losses["step"].to_numpy(dtype=np.float64)
    restarts = np.diff(steps, prepend=steps[:1]) < 0
    before = np.where(restarts, np.concatenate([steps[:1], steps[:-1]]) + 1, 0)
    return np.asarray(steps + np.cumsum(before))


def _draw_panel(panel: Axes, entry: Entry, curves: list[pd.DataFrame], colour: str) -> None:
    for losses in curves:
        _draw_curve(panel, losses, colour)
    _mark_stages(panel, curves[0])
    every = np.concatenate([losses["loss"].to_numpy() for losses in curves])
    low, high = np.quantile(every, [0.01, 0.995])
    if low > 0 and high / low > _LOG_FROM:
        panel.set_yscale("log")
    elif high > low:
        panel.set_ylim(low - 0.08 * (high - low), high + 0.08 * (high - low))
    seeds = f", {len(curves)} training seeds" if len(curves) > 1 else ""
    panel.set_title(f"{entry.label}{seeds}", fontsize=9, color=INK, weight="bold", loc="left")
    panel.set_xlabel("iteration", fontsize=7.5, color=MUTED)
    panel.set_ylabel("training loss", fontsize=7.5, color=MUTED)
    panel.tick_params(which="both", labelsize=7, color=MUTED, labelcolor=INK, length=2.5)
    panel.grid(axis="y", color="#e3e7eb", linewidth=0.6)
    panel.set_axisbelow(True)
    panel.spines[["top", "right"]].set_visible(False)


def _draw_curve(panel: Axes, losses: pd.DataFrame, colour: str) -> None:
    iterations, loss = losses["iteration"].to_numpy(), losses["loss"].to_numpy()
    stride = max(len(loss) // _POINTS, 1)
    trend = smooth(loss, round(_SMOOTHING * len(loss)))
    panel.plot(iterations[::stride], loss[::stride], color=colour, alpha=0.22, linewidth=0.5)
    mark = "o" if len(loss) == 1 else ""
    panel.plot(iterations[::stride], trend[::stride], color=colour, linewidth=1.5, marker=mark)


def _draw_validation(panel: Axes, curves: list[pd.DataFrame]) -> None:
    for number, losses in enumerate(curves):
        panel.plot(
            losses["step"], losses["loss"],
            color=INK, linewidth=0.9, marker="o", markersize=2.2,
            label="_" if number else "validation",
        )  # fmt: skip
    if curves:
        low, high = panel.get_ylim()
        every = np.concatenate([losses["loss"].to_numpy() for losses in curves])
        if panel.get_yscale() == "linear" or every.min() > 0:
            panel.set_ylim(min(low, 0.98 * every.min()), high)
        panel.set_ylabel("loss", fontsize=7.5, color=MUTED)
        panel.legend(fontsize=6.5, frameon=False, loc="upper right")


def _mark_stages(panel: Axes, losses: pd.DataFrame) -> None:
    stages = losses.groupby("stage", sort=False)["iteration"].min()
    if len(stages) < 2:
        return
    for stage, start in stages.items():
        panel.axvline(start, color=MUTED, linewidth=0.6, linestyle=":")
        panel.annotate(
            str(stage),
            (start, 1),
            xycoords=("data", "axes fraction"),
            xytext=(3, -2),
            textcoords="offset points",
            va="top",
            fontsize=6.5,
            color=MUTED,
        )
