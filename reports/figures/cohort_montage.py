"""Overview of the cohort: real scans of six subjects, to assess the data."""

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from longibench.reports.figures.figure_2_subject import FOLLOW_UPS, spread
from longibench.reports.figures.image_grid import CONVENTION, Layout, grey_window, show, tall
from longibench.reports.figures.style import INK
from longibench.reports.figures.view import View, Volume, choose_view, load
from longibench.reports.model.results import Results

SUBJECTS = 6

Person = list[tuple[float, Volume]]  # (years, volume) of each scan, first the source


def draw_montage(results: Results) -> Figure:
    """Draw source and follow-ups of the six subjects with most follow-ups, one per row.

    Raises:
        AbsentVolumeError: A volume is not on disk.
        UserError: A volume cannot be read.
    """
    chosen = _choose(results.pairs)
    pairs = [results.pairs[results.pairs["subject"] == subject] for subject in chosen]
    subjects = [_load(spread(rows)) for rows in pairs]
    _, spacing = load(Path(pairs[0]["source"].iloc[0]))
    view = choose_view([(person[0][1], person[-1][1]) for person in subjects], spacing)
    return _draw(subjects, view, results.shareable)


def _choose(pairs: pd.DataFrame) -> list[str]:
    counts = pairs.groupby("subject").size().clip(upper=FOLLOW_UPS)
    return sorted(counts.index, key=lambda subject: (-counts[subject], subject))[:SUBJECTS]


def _load(pairs: pd.DataFrame) -> Person:
    source, _ = load(Path(pairs["source"].iloc[0]))
    later = zip(pairs["interval_years"], pairs["target"], strict=True)
    return [(0.0, source), *((float(years), load(Path(path))[0]) for years, path in later)]


def _draw(subjects: list[Person], view: View, shareable: bool) -> Figure:
    columns = max(len(person) for person in subjects)
    footer = f"One subject per row, time from left to right. {CONVENTION}"
    layout = Layout(len(subjects), columns, tall(view), footer, top=0.04, below=0.17)
    figure = layout.figure(shareable)
    for row, person in enumerate(subjects):
        for column, (years, volume) in enumerate(person):
            axes = layout.cell(figure, row, column)
            show(axes, view.plane(volume), grey_window(view))
            label = f"+{years:.1f} years" if column else "first visit"
            axes.set_xlabel(label, fontsize=7, color=INK, labelpad=2)
    return figure
