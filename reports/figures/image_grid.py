"""Slices in rows and columns, with exact sizes in inches: no empty margins, square voxels."""

import textwrap
from dataclasses import dataclass
from functools import partial

from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from longibench.benchmark.preparation.steps.intensity import BACKGROUND
from longibench.reports.figures.style import ALERT, BANNER, MUTED
from longibench.reports.figures.view import Plane, View

CONVENTION = (
    "Axial slice, neurological convention: the left of the image is the left of the person."
)
CELL = 1.16  # width of one picture, inches
GAP = 0.04
SIDE = 0.04

_LINE = 0.13  # height of a line of small print, inches
_LETTERS = 18  # of the footer per inch
_BOLD_LETTERS = 14  # of the banner


@dataclass(frozen=True)
class Layout:
    """Positions of the pictures of a figure; all lengths in inches.

    Attributes:
        rows: Number of rows.
        columns: Number of columns.
        tall: Height of one picture.
        footer: Small print under the pictures.
        left: Space for row labels.
        top: Space above the pictures.
        bottom: Space between the pictures and the footer.
        below: Space under each row, for labels of its pictures.
    """

    rows: int
    columns: int
    tall: float
    footer: str
    left: float = SIDE
    top: float = 0.28
    bottom: float = 0.04
    below: float = 0.0

    @property
    def width(self) -> float:
        """Width of the figure."""
        return self.left + self.columns * (CELL + GAP) - GAP + SIDE

    @property
    def base(self) -> float:
        """Position of the lowest row of pictures above the figure's lower edge."""
        return self.bottom + _room(self._footer)

    def figure(self, shareable: bool) -> Figure:
        """A figure without pictures; with a warning at the top if it must not be shared."""
        banner = "" if shareable else textwrap.fill(BANNER, int(_BOLD_LETTERS * self.width))
        height = self.base + self.rows * (self.tall + self.below + GAP) - GAP + self.top
        height += _room(banner)
        figure = Figure(figsize=(self.width, height))
        small = partial(figure.text, 0.5, ha="center", linespacing=1.25)
        small(y=0.05 / height, s=self._footer, va="bottom", size=6.5, color=MUTED)
        small(y=1 - 0.06 / height, s=banner, va="top", size=7, color=ALERT, weight="bold")
        return figure

    def cell(self, figure: Figure, row: int, column: int) -> Axes:
        """Add the axes of one picture."""
        height = figure.get_figheight()
        left = self.left + column * (CELL + GAP)
        bottom = self.base + self.below + (self.rows - 1 - row) * (self.tall + self.below + GAP)
        box = (left / self.width, bottom / height, CELL / self.width, self.tall / height)
        axes = figure.add_axes(box, xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
        return axes

    @property
    def _footer(self) -> str:
        return textwrap.fill(self.footer, int(_LETTERS * self.width))


def tall(view: View) -> float:
    """Height of a picture of this view, in inches."""
    width, height = view.size_mm
    return CELL * height / width


def grey_window(view: View) -> Normalize:
    """The grey window of all pictures of a view."""
    return Normalize(BACKGROUND, view.white)


def show(axes: Axes, plane: Plane, window: Normalize, colours: str = "gray") -> None:
    """Draw a slice, smoothed between voxels as viewers do."""
    axes.imshow(plane, cmap=colours, norm=window, interpolation="bicubic", aspect="auto")


def _room(text: str) -> float:
    """Height of small print, in inches."""
    return len(text.splitlines()) * _LINE + 0.08 if text else 0.0
