"""Data model of tables of metrics by method: the values, ranks and notes to print."""

from dataclasses import dataclass

from longibench.reports.model.estimates import estimate
from longibench.reports.model.metric_facts import MetricFacts
from longibench.reports.model.results import REFERENCE, Entry, Results
from longibench.reports.model.text_table import Notes
from longibench.reports.tables.columns import Cell, Column, make_cells, make_column

REFERENCE_NOTE = (
    "generates nothing: it is the source itself, never ranked, and shown because a paired metric "
    "is hard to interpret without the score of a copy of the source."
)


@dataclass(frozen=True)
class Row:
    """One method with one digest of settings."""

    entry: Entry
    details: str
    seeds: int
    cells: tuple[Cell, ...]
    published: tuple[str, ...] = ()
    note: int = 0


@dataclass(frozen=True)
class Table:
    """Values measured here, with the paper's published values.

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
        columns.append(make_column(metric, estimates))
        cells.append(make_cells(columns[-1], results.entries, estimates, notes))
    by_row = zip(*cells, strict=True) if cells else ((),) * len(results.entries)
    rows = tuple(
        _row(results, entry, tuple(row_cells), mark)
        for entry, row_cells, mark in zip(results.entries, by_row, marks, strict=True)
    )
    return Table(numeral, title, tuple(columns), rows, caption, tuple(notes.texts))


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
