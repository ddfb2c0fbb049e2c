"""Several rows about one participant, session or scan: what they agree on, and what differs."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from longibench.benchmark.cohorts.parsing.tables import Row, number_of, text_of
from longibench.benchmark.cohorts.parsing.unread import ENTITY

T = TypeVar("T")


@dataclass
class RepeatedRows:
    """Makes one row of several that are about the same thing, and counts contradictions.

    None of two different values is more right than the other, and one of them may be a follow-up's:
    the cell counts as missing.

    Attributes:
        columns: Columns that are used, in the plain spelling; contradictions elsewhere are not
            reported.
        missing: The study's codes for a missing value.
    """

    columns: frozenset[str]
    missing: tuple[str, ...] = ()
    _differing: dict[tuple[str, str], dict[str, None]] = field(default_factory=dict)

    def one(self, rows: list[Row]) -> Row:
        """The cells on which the rows agree; an empty cell contradicts nothing."""
        if len(rows) == 1:
            return rows[0]
        columns = dict.fromkeys(name for row in rows for name in row)
        cells = ((column, self.agreeing(rows, column).get(column, "")) for column in columns)
        return Row(cells, rows[0].where)

    def agreeing(self, rows: Iterable[Row], column: str) -> Row:
        """The first row with a value in a column; an empty row if there is none, or two differ."""
        first: dict[object, Row] = {}  # row by value
        for row in rows:
            if text_of(row.get(column), self.missing) is not None:
                first.setdefault(_value(row[column]), row)
        if len(first) > 1 and column in self.columns:
            self._count(column, list(first.values()))
        return next(iter(first.values())) if len(first) == 1 else Row()

    def by(self, rows: Iterable[Row], key: Callable[[Row], str]) -> dict[str, Row]:
        """One row for each key."""
        return {name: self.one(group) for name, group in grouped(rows, key).items()}

    def notes(self) -> tuple[str, ...]:
        """A note for each column with contradictions, and the first; no participant's id."""
        return tuple(
            f"{table}, column {column}: rows about the same thing differ in {len(cases)} "
            f"case{'s' * (len(cases) > 1)}, which count as missing, such as {next(iter(cases))}"
            for (table, column), cases in self._differing.items()
        )

    def _count(self, column: str, rows: list[Row]) -> None:
        table = rows[0].where.rpartition(", row ")[0]
        cells = (f"'{row[column]}' in row {row.where.rpartition(', row ')[2]}" for row in rows[:2])
        kind = ENTITY.sub(r"\1-*", Path(table).name)
        self._differing.setdefault((kind, column), {})[" and ".join(cells)] = None


def _value(cell: str) -> float | str:
    number = number_of(cell)
    return cell.strip() if number is None else number


def grouped(rows: Iterable[T], key: Callable[[T], str]) -> dict[str, list[T]]:
    """Rows by key, in the order of the table."""
    groups: dict[str, list[T]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return dict(groups)
