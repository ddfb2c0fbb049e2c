"""Table I as one model: the rows, ranks and notes that every renderer prints."""

import math
from dataclasses import dataclass

from metrics.statistics import Interval
from reports import paper
from reports.caption import caption
from reports.estimates import Estimate, estimate
from reports.results import REFERENCE, Entry, MetricFacts, Results

DASH = "—"
REFERENCE_NOTE = (
    "generates nothing: it is the source itself, never ranked, and shown because a paired metric "
    "means little without what a copy of the source scores."
)


@dataclass(frozen=True)
class Cell:
    """One value as printed, with its interval, spread over seeds, rank and note's number."""

    estimate: Estimate
    text: str
    interval: str
    spread: str = ""
    best: bool = False
    note: int = 0


@dataclass(frozen=True)
class Column:
    """A metric's column; ``title`` is the full name, with extractor and N or window and mask."""

    metric: MetricFacts
    title: str

    @property
    def head(self) -> str:
        """The short name with the direction, such as ``"FID ↓"``."""
        return f"{self.title.partition(' [')[0]} {self.metric.arrow}"

    @property
    def tail(self) -> str:
        """What the brackets of the full name hold."""
        return self.title.partition(" [")[2].removesuffix("]")


@dataclass(frozen=True)
class Row:
    """One method under one digest of settings."""

    entry: Entry
    details: str
    seeds: int
    cells: tuple[Cell, ...]
    published: tuple[str, ...]
    note: int = 0


@dataclass(frozen=True)
class Table:
    """Table I: what is measured here, and beside it what the paper published.

    ``notes`` are numbered from one; cells and rows refer to them by number.
    """

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    published_heads: tuple[str, ...]
    published_label: str
    published_note: int
    caption: str
    notes: tuple[str, ...]


class _Notes:
    """Numbers notes in the order of their first use."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def number(self, text: str) -> int:
        if not text:
            return 0
        if text not in self.texts:
            self.texts.append(text)
        return self.texts.index(text) + 1


def build_table(results: Results) -> Table:
    """Estimate every metric of every entry and rank them."""
    notes = _Notes()
    entries = results.entries
    row_notes = [_reference_note(entry, notes) for entry in entries]
    columns, cells = [], []
    for metric in results.metrics:
        estimates = [estimate(results, entry, metric) for entry in entries]
        column = Column(metric, _common_title(estimates) or metric.title)
        columns.append(column)
        cells.append(_cells(column, entries, estimates, notes))
    by_row = zip(*cells, strict=True) if cells else ((),) * len(entries)
    rows = [
        _row(results, entry, tuple(its), note)
        for entry, its, note in zip(entries, by_row, row_notes, strict=True)
    ]
    reasons = paper.differences(results.protocol)
    return Table(
        columns=tuple(columns),
        rows=tuple(rows),
        published_heads=tuple(_published_head(column) for column in _published(columns)),
        published_label="published, not comparable" if reasons else "published",
        published_note=notes.number(_paper_note(reasons)),
        caption=caption(results),
        notes=tuple(notes.texts),
    )


def _cells(
    column: Column, entries: list[Entry], estimates: list[Estimate], notes: _Notes
) -> tuple[Cell, ...]:
    decimals = column.metric.decimals
    ranked = [
        entry.method != REFERENCE and value.title == column.title
        for entry, value in zip(entries, estimates, strict=True)
    ]
    best = _best(column.metric, [e for e, ok in zip(estimates, ranked, strict=True) if ok])
    return tuple(
        Cell(
            estimate=value,
            text=number(value.value, decimals),
            interval=interval(value.interval, decimals),
            spread=spread(value, decimals),
            best=ok and best is not None and round(value.value, decimals) == best,
            note=notes.number(_cell_note(value, column)),
        )
        for value, ok in zip(estimates, ranked, strict=True)
    )


def _best(metric: MetricFacts, estimates: list[Estimate]) -> float | None:
    """The best rounded value; None where fewer than two methods compete."""
    rounded = [round(e.value, metric.decimals) for e in estimates if not math.isnan(e.value)]
    if len(rounded) < 2:
        return None
    return max(rounded) if metric.higher_is_better else min(rounded)


def _cell_note(value: Estimate, column: Column) -> str:
    if value.title and value.title != column.title:
        return f"{value.title}: another definition than the column's, so not ranked with it. " + (
            value.note
        )
    return value.note


def _reference_note(entry: Entry, notes: _Notes) -> int:
    return notes.number(f"{entry.label} {REFERENCE_NOTE}") if entry.method == REFERENCE else 0


def _row(results: Results, entry: Entry, cells: tuple[Cell, ...], note: int) -> Row:
    columns = [metric for metric in results.metrics if metric.name in paper.PUBLISHED]
    return Row(
        entry=entry,
        details=results.details(entry),
        seeds=max((len(cell.estimate.by_seed) for cell in cells), default=0),
        cells=cells,
        published=tuple(_published_value(metric.name, entry.method) for metric in columns),
        note=note,
    )


def _published(columns: list[Column]) -> list[Column]:
    return [column for column in columns if column.metric.name in paper.PUBLISHED]


def _published_head(column: Column) -> str:
    return f"{column.metric.name.upper()} {column.metric.arrow}"


def _published_value(metric: str, method: str) -> str:
    value = paper.PUBLISHED[metric].get(method)
    return DASH if value is None else f"{value:.{paper.DECIMALS[metric]}f}"


def _paper_note(reasons: list[str]) -> str:
    source = f"Published: {paper.CITATION}."
    return f"{source} Not comparable with this table: {'; '.join(reasons)}." if reasons else source


def _common_title(estimates: list[Estimate]) -> str:
    titles = [value.title for value in estimates if value.title]
    return max(titles, key=titles.count) if titles else ""


def number(value: float, decimals: int) -> str:
    """Print a value; a dash where it is missing."""
    return DASH if math.isnan(value) else f"{value:.{decimals}f}"


def interval(value: Interval, decimals: int) -> str:
    """Print an interval as ``"low to high"``; empty where there is none."""
    if math.isnan(value.low) or math.isnan(value.high):
        return ""
    return f"{value.low:.{decimals}f} to {value.high:.{decimals}f}"


def spread(value: Estimate, decimals: int) -> str:
    """Print the range over training seeds; empty where there is only one."""
    if len(value.by_seed) < 2:
        return ""
    low, high = min(value.by_seed), max(value.by_seed)
    return f"{low:.{decimals}f} to {high:.{decimals}f} over {len(value.by_seed)} seeds"
