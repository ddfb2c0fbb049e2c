"""Two histograms: time since the first scan, and time since the previous scan."""

import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from longibench.reports.cohorts.bars import HEADS, STEP
from longibench.reports.cohorts.facts import Intervals
from longibench.reports.figures.style import COLOURS, INK, look

HEIGHT = 2.8  # inches
SHARE = 0.88  # of its bin that a bar fills


def draw_intervals(intervals: Intervals, title: str) -> Figure:
    """Draw elapsed times and gaps of a cohort.

    Args:
        intervals: Counts per half-year bin.
        title: Title above both panels.
    """
    counts = zip(HEADS, (intervals.elapsed, intervals.gaps), strict=True)
    rows = [(head, *bin_) for head, bins in counts for bin_ in bins.items()]
    table = pd.DataFrame(rows, columns=["since", "years", "scans"])
    edges = min(table["years"].min(), STEP) - STEP / 2, table["years"].max() + STEP / 2
    with look():
        grid = sns.displot(
            table, x="years", weights="scans", binwidth=STEP, binrange=edges, col="since",
            hue="since", palette=COLOURS[:2], legend=False, shrink=SHARE, alpha=1, linewidth=0,
            height=HEIGHT, aspect=1.3, facet_kws={"sharey": False},
        )  # fmt: skip
        grid.set_titles("{col_name}").set(xlim=(edges[0] - STEP / 2, edges[1] + STEP / 2))
        grid.set_axis_labels("years (bins of half a year)", "follow-up scans")
        for panel in grid.axes.flat:
            panel.locator_params(integer=True)
        grid.figure.suptitle(title, x=0.01, ha="left", color=INK, weight="bold")
        grid.figure.set_layout_engine("constrained")
    return grid.figure
