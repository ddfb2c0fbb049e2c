"""Intervals as bars of text."""

from rich.console import Console
from rich.table import Table

from longibench.reports.cohorts.facts import Intervals
from longibench.reports.cohorts.terminal import table

STEP = 0.5  # years per bin
LAST = 10.0  # later bins are merged in one row
HEADS = ("since the first scan", "since the scan before")


def interval_bars(intervals: Intervals, console: Console) -> Table:
    """Elapsed times and gaps side by side, one row per half-year bin, scaled to the window."""
    columns = [_late_together(counts) for counts in (intervals.elapsed, intervals.gaps)]
    rows = table("years", " ", HEADS[0], "  ", HEADS[1], right=["years", " ", "  "])
    length = max(min((console.width - 30) // 2, 40), 8)
    mark = "█" if console.encoding.startswith("utf") else "#"
    middles = [middle for counts in columns for middle in counts]
    for number in range(round(min(middles) / STEP), round(max(middles) / STEP) + 1):
        middle = number * STEP
        cells = [_label(middle)]
        for counts in columns:
            cells += _bar(counts.get(middle, 0), max(counts.values(), default=0), length, mark)
        rows.add_row(*cells)
    return rows


def _late_together(counts: dict[float, int]) -> dict[float, int]:
    kept = {middle: count for middle, count in counts.items() if middle <= LAST}
    late = sum(counts.values()) - sum(kept.values())
    return {**kept, LAST + STEP: late} if late else kept


def _label(middle: float) -> str:
    return f"{middle:.1f}" if middle <= LAST else "later"


def _bar(count: int, largest: int, length: int, mark: str) -> list[str]:
    """The count and a bar, at least one mark long if the count is not zero."""
    if not count:
        return ["", ""]
    return [f"{count:,}", mark * max(round(count / largest * length), 1)]
