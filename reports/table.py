"""Tables of metrics by method as one model: the values, ranks and notes that are printed."""

import math
from dataclasses import dataclass, replace

from reports import paper
from reports.estimates import AtFloor, Estimate, estimate
from reports.formats import DASH, interval, number
from reports.printed import Notes
from reports.results import REFERENCE, Entry, MetricFacts, Results

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
    halves: str = ""
    best: bool = False
    note: int = 0


@dataclass(frozen=True)
class Column:
    """A metric of the table.

    Attributes:
        metric: What it is.
        title: The full name, with extractor and N or window and mask.
        floor: What real volumes score among themselves; None where that is not known.
    """

    metric: MetricFacts
    title: str
    floor: AtFloor | None = None

    @property
    def head(self) -> str:
        """The short name with unit and direction, such as ``"FID ↓"``."""
        unit = f", {self.metric.unit}" if self.metric.unit else ""
        return f"{self.title.partition(' [')[0]}{unit} {self.metric.arrow}"

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
    published: tuple[str, ...] = ()
    note: int = 0


@dataclass(frozen=True)
class Table:
    """What is measured here, and beside it what the paper published.

    ``notes`` are numbered from one; cells and rows refer to them by number.
    """

    number: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    caption: str
    notes: tuple[str, ...]
    published_heads: tuple[str, ...] = ()
    published_label: str = ""
    published_note: int = 0


def build_table(
    results: Results, metrics: list[MetricFacts], numeral: str, title: str, caption: str
) -> Table:
    """Estimate the metrics of every entry and rank them."""
    notes = Notes()
    marks = [notes.number(_reference_note(entry)) for entry in results.entries]
    columns, cells = [], []
    for metric in metrics:
        estimates = [estimate(results, entry, metric) for entry in results.entries]
        columns.append(_column(metric, estimates))
        cells.append(_cells(columns[-1], results.entries, estimates, notes))
    by_row = zip(*cells, strict=True) if cells else ((),) * len(results.entries)
    rows = tuple(
        _row(results, entry, tuple(its), mark)
        for entry, its, mark in zip(results.entries, by_row, marks, strict=True)
    )
    return Table(numeral, title, tuple(columns), rows, caption, tuple(notes.texts))


def with_published(table: Table, results: Results) -> Table:
    """The table with the paper's values beside those measured here."""
    metrics = [column.metric for column in table.columns if column.metric.name in paper.PUBLISHED]
    reasons = paper.differences(results.protocol)
    notes = Notes()
    notes.texts += table.notes
    note = notes.number(_paper_note(reasons)) if metrics else 0
    return replace(
        table,
        rows=tuple(_beside(row, metrics) for row in table.rows),
        notes=tuple(notes.texts),
        published_heads=tuple(f"{metric.name.upper()} {metric.arrow}" for metric in metrics),
        published_label="published, not comparable" if reasons else "published",
        published_note=note,
    )


def _column(metric: MetricFacts, estimates: list[Estimate]) -> Column:
    titles = [value.title for value in estimates if value.title]
    floors = [value.floor for value in estimates if value.floor]
    title = max(titles, key=titles.count) if titles else metric.title
    return Column(metric, title, floors[0] if floors else None)


def _cells(
    column: Column, entries: list[Entry], estimates: list[Estimate], notes: Notes
) -> tuple[Cell, ...]:
    ranked = [
        entry.method != REFERENCE and value.title == column.title
        for entry, value in zip(entries, estimates, strict=True)
    ]
    best = _best(column.metric, [e for e, ok in zip(estimates, ranked, strict=True) if ok])
    return tuple(
        _cell(
            column, value, notes, best=ok and best is not None and _badness(column, value) == best
        )
        for value, ok in zip(estimates, ranked, strict=True)
    )


def _cell(column: Column, value: Estimate, notes: Notes, *, best: bool) -> Cell:
    decimals = column.metric.decimals
    return Cell(
        estimate=value,
        text=number(value.value, decimals),
        interval=interval(value.interval, decimals),
        spread=spread(value, decimals),
        halves=f"in halves {number(value.floor.generated, decimals)}" if value.floor else "",
        best=best,
        note=notes.number(_cell_note(value, column)),
    )


def _best(metric: MetricFacts, estimates: list[Estimate]) -> float | None:
    """How bad the best rounded value is; None where fewer than two methods compete."""
    known = [e for e in estimates if not math.isnan(e.value)]
    if len(known) < 2:
        return None
    return min(_badness(Column(metric, ""), value) for value in known)


def _badness(column: Column, value: Estimate) -> float:
    metric = column.metric
    return round(metric.badness(round(value.value, metric.decimals)), metric.decimals)


def _cell_note(value: Estimate, column: Column) -> str:
    if value.title and value.title != column.title:
        return f"{value.title}: another definition than the column's, so not ranked with it. " + (
            value.note
        )
    return value.note


def _reference_note(entry: Entry) -> str:
    return f"{entry.label} {REFERENCE_NOTE}" if entry.method == REFERENCE else ""


def _row(results: Results, entry: Entry, cells: tuple[Cell, ...], note: int) -> Row:
    return Row(
        entry=entry,
        details=results.details(entry),
        seeds=max((len(cell.estimate.by_seed) for cell in cells), default=0),
        cells=cells,
        note=note,
    )


def _beside(row: Row, metrics: list[MetricFacts]) -> Row:
    return replace(
        row, published=tuple(_published(metric.name, row.entry.method) for metric in metrics)
    )


def _published(metric: str, method: str) -> str:
    value = paper.PUBLISHED[metric].get(method)
    return DASH if value is None else f"{value:.{paper.DECIMALS[metric]}f}"


def _paper_note(reasons: list[str]) -> str:
    source = f"Published: {paper.CITATION}."
    return f"{source} Not comparable with this table: {'; '.join(reasons)}." if reasons else source


def spread(value: Estimate, decimals: int) -> str:
    """Print the spread between training seeds; empty where there is only one."""
    if math.isnan(value.seed_spread):
        return ""
    return f"± {value.seed_spread:.{decimals}f} between {len(value.by_seed)} seeds"
