"""Figure 2: one subject's real follow-ups and what each method generates for them."""

import textwrap
from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from longibench.reports.figures.figure_2_subject import Sheet
from longibench.reports.figures.image_grid import CONVENTION, Layout, grey_window, show, tall
from longibench.reports.figures.style import INK, MUTED
from longibench.reports.figures.view import Volume, head_outline

CHANGE_COLOURS = "RdBu_r"  # diverging, white at zero, safe for red-green colour blindness

_LABEL_ROOM = 0.38
_LABEL_LENGTH = 16  # characters of a row label on one line
HELD = 98  # percent of the real changes shown that are within the colour range
_SMALLEST_RANGE = 0.02  # if nothing changes, noise must not look like change

Draw = Callable[[Axes, Volume], None]


def draw_sheet(sheet: Sheet) -> Figure:
    """Draw source, real follow-ups and generated ones in one grey window."""
    window = grey_window(sheet.view)

    def picture(axes: Axes, volume: Volume) -> None:
        show(axes, sheet.view.plane(volume), window)

    footer = f"{CONVENTION} One slice, one grey window; smoothed between voxels."
    return _draw(sheet, picture, _layout(sheet, footer))


def draw_changes(sheet: Sheet) -> Figure:
    """Draw each follow-up minus the source, in one symmetric range."""
    limit = change_range(sheet)
    window = Normalize(-limit, limit)
    outline = head_outline(sheet.view, sheet.source)

    def change(axes: Axes, volume: Volume) -> None:
        show(axes, sheet.view.plane(volume - sheet.source), window, CHANGE_COLOURS)
        axes.contour(outline, levels=[0.5], colors=[MUTED], linewidths=0.5)

    layout = _layout(sheet, f"{CONVENTION} Outline: the head in the source.", bottom=0.46)
    figure = _draw(sheet, change, layout)
    _colour_bar(figure, window, layout.base)
    return figure


def change_range(sheet: Sheet) -> float:
    """Half the colour range: contains most of the real changes that are shown, see ``HELD``."""
    shown = [np.abs(sheet.view.plane(change)).ravel() for change in sheet.real_changes]
    return max(float(np.percentile(np.concatenate(shown), HELD)), _SMALLEST_RANGE)


def _layout(sheet: Sheet, footer: str, bottom: float = 0.04) -> Layout:
    columns = 1 + len(sheet.years)
    return Layout(
        len(sheet.rows), columns, tall(sheet.view), footer, left=_LABEL_ROOM, bottom=bottom
    )


def _draw(sheet: Sheet, picture: Draw, layout: Layout) -> Figure:
    """Draw the source, then ``picture`` of each follow-up, row by row."""
    heads = ["Source", *(f"+{years:.1f} years" for years in sheet.years)]
    figure = layout.figure(sheet.shareable)
    for row, (label, volumes) in enumerate(sheet.rows):
        first = layout.cell(figure, row, 0)
        show(first, sheet.view.plane(sheet.source), grey_window(sheet.view))
        wrapped = textwrap.fill(label, _LABEL_LENGTH)
        first.set_ylabel(wrapped, fontsize=8, color=INK, weight="bold", labelpad=4)
        cells = [first]
        for column, volume in enumerate(volumes, 1):
            cells.append(layout.cell(figure, row, column))
            if volume is None:
                _absent(cells[-1])
            else:
                picture(cells[-1], volume)
        if row == 0:
            for cell, head in zip(cells, heads, strict=True):
                cell.set_title(head, fontsize=8.5, color=INK, pad=4)
    return figure


def _absent(axes: Axes) -> None:
    axes.text(0.5, 0.5, "not on disk", ha="center", va="center", fontsize=7, color=MUTED)


def _colour_bar(figure: Figure, window: Normalize, top: float) -> None:
    """Draw the colour bar and its label below ``top`` inches."""
    width, height = figure.get_size_inches()
    bar = figure.add_axes((0.5 - 0.9 / width, (top - 0.14) / height, 1.8 / width, 0.07 / height))
    scale = ScalarMappable(norm=window, cmap=CHANGE_COLOURS)
    colour_bar = figure.colorbar(scale, cax=bar, orientation="horizontal", extend="both")
    colour_bar.outline.set_visible(False)
    colour_bar.set_label("follow-up minus source", size=6.5, color=MUTED, labelpad=2)
    bar.tick_params(labelsize=6.5, length=2, color=MUTED, labelcolor=INK, pad=1.5)
