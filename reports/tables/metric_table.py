"""Data model of tables of metrics by method: the values, ranks and notes to print."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from longibench.reports.model.better_copy import BetterCopySkill, with_better_copy
from longibench.reports.model.estimates import Estimate, estimate
from longibench.reports.model.labels import RowRole
from longibench.reports.model.metric_facts import MetricFacts
from longibench.reports.model.results import Entry, Results
from longibench.reports.model.text_table import Notes
from longibench.reports.tables.columns import Cell, Column, make_cells, make_column
from longibench.reports.tables.comparisons import Compared

NOTES: dict[RowRole, str] = {
    "reference": (
        "A reference, never ranked or compared: it generates no change, and shows what a metric "
        "gives to the source itself."
    ),
    "forecast": (
        "A forecast, never ranked or compared: volumes of tissue from what is known at the source, "
        "fitted on the training part. It has no image, and is measured by the change of volumes "
        "alone."
    ),
    "oracle": (
        "An oracle, never ranked or compared: made with the simulated truth; no method can be "
        "asked for it. It is measured by SSIM, FID and the scores against the truth alone."
    ),
}


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
    results: Results,
    metrics: list[MetricFacts],
    compared: Sequence[Compared] = (),
    numeral: str = "",
    title: str = "",
    caption: str = "",
) -> Table:
    """Estimate the metrics of every entry, with letters; oracles without any are left out."""
    notes = Notes()
    entries = [entry for entry in results.entries if _measured(results, entry, metrics)]
    marks = [notes.number(NOTES.get(entry.role, "")) for entry in entries]
    columns, cells = [], []
    for metric in with_better_copy(results, metrics):
        estimates = [_estimate(results, entry, metric) for entry in entries]
        shown, tested_by = _shown(metric)
        columns.append(make_column(shown, estimates))
        cells.append(make_cells(columns[-1], entries, estimates, notes, compared, tested_by))
    by_row = zip(*cells, strict=True) if cells else ((),) * len(entries)
    rows = tuple(
        _row(results, entry, tuple(row_cells), mark)
        for entry, row_cells, mark in zip(entries, by_row, marks, strict=True)
    )
    return Table(numeral, title, tuple(columns), rows, caption, tuple(notes.texts))


def _shown(metric: MetricFacts | BetterCopySkill) -> tuple[MetricFacts, MetricFacts]:
    """How a column is printed, and the metric whose tests distinguish its methods."""
    return (metric.metric, metric.error) if isinstance(metric, BetterCopySkill) else (metric,) * 2


def _measured(results: Results, entry: Entry, metrics: list[MetricFacts]) -> bool:
    return not entry.is_measured_by_few or any(
        results.is_scored(entry, metric) for metric in metrics
    )


def _estimate(results: Results, entry: Entry, metric: MetricFacts | BetterCopySkill) -> Estimate:
    """The estimate; metrics that a kind of row lacks are named once, in the note of the row."""
    if isinstance(metric, BetterCopySkill):
        found = metric.estimate(results, entry)
    else:
        found = estimate(results, entry, metric)
    missing = entry.is_measured_by_few and not results.is_scored(entry, _shown(metric)[1])
    return replace(found, note="") if missing else found


def _row(results: Results, entry: Entry, cells: tuple[Cell, ...], note: int) -> Row:
    return Row(
        entry=entry,
        details=results.details(entry),
        seeds=max((len(cell.estimate.by_seed) for cell in cells), default=0),
        cells=cells,
        note=note,
    )
