"""The figures of docs/anatomy.md."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.ticker import FuncFormatter
from scipy import ndimage

from anatomy_training.damage import DAMAGES
from anatomy_training.people import GRIDS_MM, Values
from anatomy_training.segmenting import slope
from longibench.metrics.anatomy import Shares
from longibench.reports.figures.style import COLOURS, INK, look, save

PNG = [".png"]
VERSIONS = {"version 2": COLOURS[0], "version 1": COLOURS[1]}
EXTRACTORS = {**VERSIONS, "random": COLOURS[2]}
TISSUE_COLOURS = ListedColormap(["#3b7dd8", "#c98a4b", "#f2efe6", "#e02020", "#2ca02c"])
PLANES = (0.42, 0.58)  # through the ventricles, as shares of the head's sides
LOSSES = {
    "entropy": "cross entropy",
    "dice": "1 - Dice",
    "volume": "error of log volumes",
    "properties": "squared error of properties",
}


def draw_change(table: pd.DataFrame, stem: Path) -> None:
    """Found against true change in ml, a panel for each structure and grid."""
    with look():
        figure, panels = plt.subplots(
            2, len(GRIDS_MM), figsize=(8, 5), sharex="row", sharey="row", layout="constrained"
        )
        for structure, row in zip(("ventricles", "brain"), panels, strict=True):
            for spacing, axes in zip(GRIDS_MM, row, strict=True):
                some = table[(table["structure"] == structure) & (table["spacing_mm"] == spacing)]
                _change_panel(axes, some)
                axes.set_title(f"{structure}, {spacing:g} mm")
            row[0].set_ylabel("found change, ml")
        for axes in panels[1]:
            axes.set_xlabel("true change, ml")
        save(figure, stem, PNG)


def _change_panel(axes: Axes, some: pd.DataFrame) -> None:
    ends = (some["true"].min(), some["true"].max())
    axes.plot(ends, ends, color=INK, linewidth=0.8, linestyle="--")
    for name, colour in reversed(VERSIONS.items()):  # the newest on top
        found = some[name.replace(" ", "_")]
        label = f"{name}: slope {slope(some['true'], found):.2f}"
        axes.scatter(some["true"], found, s=9, color=colour, alpha=0.7, linewidths=0, label=label)
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(handles[::-1], labels[::-1], fontsize=7, handletextpad=0.1, loc="upper left")
    axes.margins(y=0.12)


def draw_response(table: pd.DataFrame, stem: Path) -> None:
    """FID over that of undamaged scans, a panel for each grid and damage."""
    with look():
        figure, panels = plt.subplots(
            len(GRIDS_MM), len(DAMAGES), figsize=(10, 6), sharey=True, sharex="col",
            layout="constrained",
        )  # fmt: skip
        for spacing, row in zip(GRIDS_MM, panels, strict=True):
            for damage, axes in zip(DAMAGES, row, strict=True):
                some = table[(table["damage"] == damage.name) & (table["spacing_mm"] == spacing)]
                for name, colour in EXTRACTORS.items():
                    line = some[some["extractor"] == name].sort_values("step")
                    x, y = [damage.nothing, *line["strength"]], [1.0, *line["ratio"]]
                    axes.plot(x, y, "o-", color=colour, markersize=3, linewidth=1.2, label=name)
                axes.set_yscale("log")
                axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            row[0].set_ylabel(f"{spacing:g} mm: FID / FID\nof undamaged scans")
        for damage, top, bottom in zip(DAMAGES, panels[0], panels[-1], strict=True):
            top.set_title(damage.name)
            bottom.set_xlabel(damage.unit)
        handles, labels = panels[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(EXTRACTORS))
        save(figure, stem, PNG)


def draw_training(log: pd.DataFrame, stem: Path) -> None:
    """The training's losses."""
    losses = log.rename(columns=LOSSES).melt("iteration", list(LOSSES.values()))
    with look():
        grid = sns.relplot(
            losses, kind="line", x="iteration", y="value", col="variable", color=COLOURS[0],
            errorbar=None, facet_kws={"sharey": False}, height=2.2, aspect=1.15,
        )  # fmt: skip
        grid.set_titles("{col_name}").set(ylim=(0, None), ylabel="")
        grid.figure.set_layout_engine("constrained")
        save(grid.figure, stem, PNG)


def draw_real(visits: Sequence[tuple[Values, Shares]], stem: Path) -> None:
    """Two planes of every visit, each without and with the segmented tissue."""
    head = np.any([volume > -1 for volume, _ in visits], axis=0)
    box = ndimage.find_objects(head.astype(int))[0]
    x, y, _ = (side.stop - side.start for side in box)
    with look():
        figure, panels = plt.subplots(
            len(visits), 4, figsize=(8, 2.3 * len(visits)), squeeze=False, layout="constrained",
            gridspec_kw={"width_ratios": [x, x, y, y]},
        )  # fmt: skip
        for (volume, shares), line in zip(visits, panels, strict=True):
            labels = np.ma.masked_equal(shares.argmax(axis=0), 0)
            _real_panels(line, volume[box], labels[box])
        save(figure, stem, PNG)


def _real_panels(line: Sequence[Axes], volume: Values, labels: np.ma.MaskedArray) -> None:
    x, z = (round(at * side) for at, side in zip(PLANES, volume.shape[::2], strict=True))
    for plane, pair in ((np.s_[:, :, z], line[:2]), (np.s_[x, :, :], line[2:])):
        for axes in pair:
            axes.imshow(volume[plane].T, origin="lower", cmap="gray", vmin=-1, vmax=1)
            axes.axis("off")
        pair[1].imshow(
            labels[plane].T, origin="lower", cmap=TISSUE_COLOURS, vmin=1, vmax=5, alpha=0.6,
            interpolation="nearest",
        )  # fmt: skip
