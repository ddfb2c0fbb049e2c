"""The metric tables of a report, and the question that each one answers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from longibench.reports.model.caption import caption
from longibench.reports.model.detectable import detectable
from longibench.reports.model.formats import number
from longibench.reports.model.metric_facts import MetricFacts
from longibench.reports.model.results import FIRST_METRICS, Results
from longibench.reports.model.text_table import EMPTY, Box, Line, Printed, Section, transposed
from longibench.reports.tables.columns import Cell, Column
from longibench.reports.tables.comparisons import Compared
from longibench.reports.tables.letters import BOLD, LETTERS
from longibench.reports.tables.metric_table import Row, Table, build_table
from longibench.reports.tables.paper_columns import with_published

FAMILIES = {
    "distribution": "Distribution: do the volumes look real?",
    "fidelity": "Fidelity: do they look like the true follow-up?",
    "change": "Change: do they change as the true follow-up did?",
    "truth": "Truth: do they change as the simulated anatomy did, without the scanner?",
}
AS_TABLE_I = (
    "Cohort, split, pairs, intervals, letters and bold as in Table I; an arrow to a value: nearer "
    "to it is better."
)
REAL = "Real against real"
FLOOR_NOTE = (
    "Real volumes of one half of the subjects against those of the other half; for a method, in "
    "halves: its volumes of one half against the real ones of the other, at the same n. If a "
    "method's value in halves is near that of real volumes, this metric cannot distinguish its "
    "volumes from real ones."
)


REAL_FOLLOW_UP = "Real follow-up"
REAL_NOTE = (
    "What the real follow-ups themselves score against what was simulated, ranked with nothing: "
    "their noise, position, gain, bias field and contrast, and for volumes the error of the "
    "segmentation. A value nearer to the truth than this one is possible: the truth has no noise, "
    "and the rest as in the source."
)


@dataclass(frozen=True)
class Kind:
    """A table: its numeral, title, and families of metrics."""

    numeral: str
    title: str
    families: tuple[str, ...]


KINDS = (
    Kind("II", "Distribution and fidelity", ("distribution", "fidelity")),
    Kind("III", "Change", ("change",)),
    Kind("V", "Truth", ("truth",)),
)


def build_tables(results: Results, compared: Sequence[Compared] = ()) -> list[Table]:
    """Table I with the paper's columns, then the other metrics by family; no empty tables.

    Args:
        results: The content of the protocol's folder.
        compared: All comparisons of two methods, see ``build_comparisons``; without them there are
            no letters, and nothing is bold.
    """
    first = [metric for metric in results.metrics if metric.name in FIRST_METRICS]
    tested = not all(math.isnan(one.adjusted) for one in compared)
    title = "Methods of the paper and others"
    text = f"{caption(results)} {LETTERS} {BOLD}" if tested else caption(results)
    tables = [
        with_published(build_table(results, first, compared, "I", title, text), results),
        *(_build(results, compared, kind) for kind in KINDS),
    ]
    return [table for table in tables if table.columns]


def _build(results: Results, compared: Sequence[Compared], kind: Kind) -> Table:
    metrics = _rest(results, kind)
    caption = " ".join([AS_TABLE_I, *detectable(results, metrics)])
    return build_table(results, metrics, compared, kind.numeral, kind.title, caption)


def _rest(results: Results, kind: Kind) -> list[MetricFacts]:
    """Metrics by family, in the protocol's order."""
    found = [
        metric
        for metric in results.metrics
        if metric.name not in FIRST_METRICS and _family(metric) in kind.families
    ]
    return sorted(found, key=lambda metric: kind.families.index(_family(metric)))


def _family(metric: MetricFacts) -> str:
    return metric.family if metric.family in FAMILIES else "fidelity"


def printed(table: Table) -> Printed:
    """Lay out a table: Table I with one line per method, the others with one per metric."""
    floors = [column.floor for column in table.columns]
    notes, lines = list(table.notes), [_line(row) for row in table.rows]
    if any(floors):
        notes.append(FLOOR_NOTE)
        lines.append(_floor_line(table, len(notes)))
    if not all(math.isnan(column.real) for column in table.columns):
        notes.append(REAL_NOTE)
        lines.append(_real_line(table, len(notes)))
    upright = Printed(
        table.number,
        table.title,
        _heads(table),
        (Section("", tuple(lines)),),
        table.caption,
        tuple(notes),
    )
    if table.number == "I":
        return upright
    return transposed(upright, "Metric", tuple(FAMILIES[_family(c.metric)] for c in table.columns))


def _heads(table: Table) -> Line:
    note = table.published_note
    published = [
        Box(head, (table.published_label,), note=note, muted=True) for head in table.published_heads
    ]
    return (Box("Method"), *(_head(column) for column in table.columns), *published)


def _head(column: Column) -> Box:
    return Box(column.head, _some(column.tail))


def _line(row: Row) -> Line:
    details = "" if row.details in row.entry.label else row.details
    label = Box(row.entry.label, _some(details), note=row.note)
    published = [Box(value, muted=True) for value in row.published]
    return (label, *(_box(cell) for cell in row.cells), *published)


def _box(cell: Cell) -> Box:
    small = _some(cell.interval, cell.spread, cell.halves)
    return Box(cell.text, small, best=cell.best, note=cell.note, letters=cell.letters)


def _floor_line(table: Table, note: int) -> Line:
    boxes = [
        Box(
            f"{column.floor.real:.{column.metric.decimals}f}",
            (f"halves, n = {column.floor.volumes}",),
        )
        if column.floor
        else EMPTY
        for column in table.columns
    ]
    published = [EMPTY] * len(table.published_heads)
    return (Box(REAL, note=note), *boxes, *published)


def _real_line(table: Table, note: int) -> Line:
    values = [number(column.real, column.metric.decimals) for column in table.columns]
    published = [EMPTY] * len(table.published_heads)
    return (Box(REAL_FOLLOW_UP, note=note), *map(Box, values), *published)


def _some(*parts: str) -> tuple[str, ...]:
    return tuple(part for part in parts if part)
