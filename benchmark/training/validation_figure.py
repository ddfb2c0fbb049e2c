"""What a method generates during training, as a figure: it shows more than a loss."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from longibench.benchmark.core.figure_text import make_inert
from longibench.benchmark.core.files import atomic_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

Volume = NDArray[np.float32]

COLUMNS = ("source", "real follow-up", "generated", "real change", "generated change")
_CHANGE = 0.5  # change of intensity at the ends of the colour map
_PANEL = 1.5  # inches
_DPI = 150


@dataclass(frozen=True)
class Sample:
    """A pair and its generated follow-up, (X, Y, Z) in [-1, 1] each.

    Attributes:
        source: The first scan.
        target: The real follow-up.
        generated: The generated follow-up.
        years: Time between the scans.
    """

    source: Volume
    target: Volume
    generated: Volume
    years: float


def write_picture(samples: Sequence[Sample], method: str, step: int, folder: Path) -> Path:
    """Write a figure of samples, ``step-<n>.png``, one a row; returns its path.

    Raises:
        UserError: Writing failed.
    """
    path = folder / f"step-{step:08d}.png"
    figure = draw(samples, f"{method}, iteration {step:,}")
    make_inert(figure)
    with atomic_file(path) as temporary:
        figure.savefig(temporary, dpi=_DPI, metadata={"Software": None})
    return path


def draw(samples: Sequence[Sample], title: str) -> "Figure":
    """Draw the middle axial slice of each sample: grey from -1 to 1, changes around 0."""
    from matplotlib.figure import Figure

    width, height, _ = samples[0].source.shape
    size = (
        0.45 + _PANEL * len(COLUMNS) + 0.75,
        0.65 + _PANEL * height / width * len(samples),
    )
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(len(samples), len(COLUMNS), squeeze=False)
    for row, sample in zip(axes, samples, strict=True):
        change = _draw_row(row, sample)
        row[0].set_ylabel(f"{sample.years:.1f} years", fontsize=8)
    for panel, name in zip(axes[0], COLUMNS, strict=True):
        panel.set_title(name, fontsize=8)
    bar = figure.colorbar(change, ax=axes, shrink=0.8, aspect=30, pad=0.01)
    bar.set_label("change of intensity", fontsize=7)
    bar.ax.tick_params(labelsize=7)
    figure.suptitle(title, fontsize=9, weight="bold")
    return figure


def _draw_row(row: Sequence["Axes"], sample: Sample) -> "AxesImage":
    volumes = (sample.source, sample.target, sample.generated)
    for panel, volume in zip(row[:3], volumes, strict=True):
        panel.imshow(_slice(volume), cmap="gray", vmin=-1, vmax=1)
    for panel, later in zip(row[3:], volumes[1:], strict=True):
        shown = panel.imshow(
            _slice(later - sample.source), cmap="RdBu_r", vmin=-_CHANGE, vmax=_CHANGE
        )
    for panel in row:
        panel.set_xticks([])
        panel.set_yticks([])
        panel.spines[:].set_visible(False)
    return shown


def _slice(volume: Volume) -> Volume:
    """The middle axial slice: rows from anterior to posterior, columns from left to right."""
    return np.asarray(volume[:, :, volume.shape[2] // 2].T[::-1])
