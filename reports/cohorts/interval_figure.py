"""Two histograms: time since the first scan, and time since the previous scan."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from longibench.reports.cohorts.facts import Intervals
from longibench.reports.figures.style import COLOURS, INK, MUTED

SIZE = (7.2, 2.8)  # inches
BIN = 0.5  # years
GAP = 0.06  # years between bars


def draw_intervals(intervals: Intervals, title: str) -> Figure:
    """Draw elapsed times and gaps of a cohort.

    Args:
        intervals: Counts per half-year bin.
        title: Title above both panels.
    """
    figure = Figure(figsize=SIZE, layout="constrained")
    panels = figure.subplots(1, 2, sharex=True)
    _draw(panels[0], intervals.elapsed, "since the first scan", COLOURS[0])
    _draw(panels[1], intervals.gaps, "since the scan before", COLOURS[1])
    panels[0].set_xlim(0 if min(intervals.gaps) else -BIN, max(intervals.elapsed) + BIN)
    panels[0].set_ylabel("follow-up scans", fontsize=7.5, color=MUTED)
    figure.suptitle(title, fontsize=9, color=INK, weight="bold", x=0.01, ha="left")
    return figure


def _draw(panel: Axes, counts: dict[float, int], title: str, colour: str) -> None:
    panel.bar(list(counts), list(counts.values()), width=BIN - GAP, color=colour)
    panel.locator_params(axis="y", integer=True)
    panel.set_title(title, fontsize=8.5, color=INK, loc="left")
    panel.set_xlabel("years (bins of half a year)", fontsize=7.5, color=MUTED)
    panel.tick_params(labelsize=7, color=MUTED, labelcolor=INK, length=2.5)
    panel.grid(axis="y", color="#e3e7eb", linewidth=0.6)
    panel.set_axisbelow(True)
    panel.spines[["top", "right"]].set_visible(False)
