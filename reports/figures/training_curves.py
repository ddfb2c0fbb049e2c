"""Training curves: one panel per method, since losses of different kinds share no axis."""

import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator
from numpy.typing import NDArray

from longibench.benchmark.core.checked_files import read_table
from longibench.benchmark.core.workspace import LOSSES, VALIDATION
from longibench.reports.figures.style import COLOURS, INK, MUTED, look
from longibench.reports.model.results import Results

_COLUMNS = 3
_HEIGHT = 2.4  # inches of a panel
_TITLE = 36  # characters of a title on one line
_POINTS = 2000  # drawn at most; more cannot be seen
_SMOOTHING = 0.03  # of the curve's length
_LOG_FROM = 20.0  # a loss whose 99% and 1% quantiles differ by this factor gets a log axis
_STYLES: dict[str, dict[str, Any]] = {
    "training": {"linewidth": 0.5, "alpha": 0.3},
    "training, smoothed": {"linewidth": 1.5},
    "validation": {"color": INK, "linewidth": 0.9, "linestyle": "--", "marker": "o"},
}


def draw_curves(results: Results) -> Figure | None:
    """Draw loss against iteration of every method that was trained; None if none was."""
    losses = _read(results, LOSSES)
    if losses.empty:
        return None
    validation = _read(results, VALIDATION)
    with look():
        grid = _draw_training(losses)
        for method, panel in grid.axes_dict.items():
            trained, validated = (
                table[table["method"] == method] for table in (losses, validation)
            )
            _draw_validation(panel, validated)
            _mark_stages(panel, trained[trained["run"] == trained["run"].min()])
            _scale(panel, trained["loss"], validated["loss"])
            _name(panel, trained, validated)
        _draw_legend(grid.figure, 3 if len(validation) else 2)
        grid.figure.set_layout_engine("constrained")
    return grid.figure


def _read(results: Results, name: str) -> pd.DataFrame:
    """The losses in all files of this name; ``shown`` marks the rows that are drawn."""
    places = [
        (entry.label, number, results.workspace / str(run.facts["model"]) / name)
        for entry in results.pictured
        for number, run in enumerate(results.runs_of(entry))
        if run.facts.get("model")
    ]
    tables = [_losses(path).assign(method=m, run=run) for m, run, path in places if path.is_file()]
    nothing = pd.DataFrame(columns=["method", "run", "loss"])
    return pd.concat(tables, ignore_index=True) if tables else nothing


def _losses(path: Path) -> pd.DataFrame:
    losses = read_table(path)
    losses = losses[np.isfinite(losses["loss"])]
    window = 2 * (round(_SMOOTHING * len(losses)) // 2) + 1
    return losses.assign(
        iteration=_iterations(losses),
        smoothed=losses["loss"].rolling(window, center=True, min_periods=1).mean(),
        shown=np.arange(len(losses)) % max(len(losses) // _POINTS, 1) == 0,
    )


def _iterations(losses: pd.DataFrame) -> NDArray[np.float64]:
    """Steps counted through all stages; files restart the count at each stage."""
    steps = losses["step"].to_numpy(dtype=np.float64)
    restarts = np.diff(steps, prepend=steps[:1]) < 0
    before = np.where(restarts, np.concatenate([steps[:1], steps[:-1]]) + 1, 0)
    return np.asarray(steps + np.cumsum(before))


def _draw_training(losses: pd.DataFrame) -> sns.FacetGrid:
    """A panel and a colour per method: each loss pale, and smoothed."""
    methods = losses["method"].unique()
    grid = sns.FacetGrid(
        losses[losses["shown"]], col="method", col_wrap=min(len(methods), _COLUMNS), hue="method",
        palette=sns.color_palette(COLOURS, len(methods)), sharex=False, sharey=False,
        height=_HEIGHT, aspect=1.35,
    )  # fmt: skip
    lines = {"units": "run", "estimator": None, "legend": False}
    grid.map_dataframe(sns.lineplot, "iteration", "loss", **lines, **_STYLES["training"])
    grid.map_dataframe(
        sns.lineplot, "iteration", "smoothed", **lines, **_STYLES["training, smoothed"]
    )
    for line in (line for panel in grid.axes.flat for line in panel.lines):
        line.set_marker("o" if len(line.get_xdata()) == 1 else "")
    return grid


def _draw_validation(panel: Axes, validated: pd.DataFrame) -> None:
    if len(validated):
        sns.lineplot(
            validated, x="step", y="loss", units="run", estimator=None, ax=panel, legend=False,
            markersize=4, **_STYLES["validation"],
        )  # fmt: skip


def _draw_legend(figure: Figure, count: int) -> None:
    """The meaning of the first styles, for methods of all colours."""
    styles = list(_STYLES.items())[:count]
    lines = [Line2D([], [], **{"color": MUTED, **style}, label=name) for name, style in styles]
    figure.legend(
        handles=lines, loc="outside lower center", ncols=count if len(figure.axes) > 1 else 1
    )


def _mark_stages(panel: Axes, losses: pd.DataFrame) -> None:
    stages = losses.groupby("stage", sort=False)["iteration"].min()
    for stage, start in stages.items() if len(stages) > 1 else ():
        panel.axvline(start, color=MUTED, linewidth=0.6, linestyle=":")
        panel.annotate(
            str(stage), (start, 1), xycoords=("data", "axes fraction"),
            xytext=(3, -2), textcoords="offset points", va="top", fontsize="small", color=MUTED,
        )  # fmt: skip


def _scale(panel: Axes, losses: pd.Series, validation: pd.Series) -> None:
    low, high = np.quantile(losses, [0.01, 0.995], method="nearest")
    if low > 0 and high / low > _LOG_FROM:
        panel.set_yscale("log")
        panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        panel.yaxis.set_major_formatter("{x:g}")
        panel.minorticks_off()
    elif high > low:
        margin = 0.08 * (high - low)
        panel.set_ylim(min([low, *validation]) - margin, max([high, *validation]) + margin)


def _name(panel: Axes, trained: pd.DataFrame, validated: pd.DataFrame) -> None:
    seeds = trained["run"].nunique()
    several = f", {seeds} training seeds" if seeds > 1 else ""
    title = textwrap.fill(f"{trained['method'].iloc[0]}{several}", _TITLE)
    panel.set_title(title, weight="bold")
    panel.set(xlabel="iteration", ylabel="loss" if len(validated) else "training loss")
    panel.locator_params(axis="x", integer=True, min_n_ticks=1)
