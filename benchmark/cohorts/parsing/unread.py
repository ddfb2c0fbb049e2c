"""Cells that are neither empty nor readable: they count as missing, and a note reports them."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from longibench.benchmark.cohorts.parsing.tables import Row, number_of, text_of
from longibench.benchmark.cohorts.parsing.values import age_of, lower_bound_of

T = TypeVar("T")
ENTITY = re.compile(r"(sub|ses)-[^_]+(?=_)")  # in a file's name: a participant's or a session's

Cells = dict[tuple[str, str], dict[str, str]]  # by table and column: a cell by its row


@dataclass
class UnreadCells:
    """Reads cells, and counts those that cannot be read, by table and column."""

    _cells: Cells = field(default_factory=dict)
    _bounds: Cells = field(default_factory=dict)

    def number(self, row: Row, column: str, missing: Iterable[str] = ()) -> float | None:
        """A cell's number; None if it is missing, or is no number, which is counted."""
        return self.value(row, column, number_of, missing)

    def age(self, row: Row, column: str, missing: Iterable[str] = ()) -> float | None:
        """A cell's age; the lower bound of one such as ``89+``, which is counted too."""
        text = text_of(row.get(column), missing) or ""
        if lower_bound_of(text) is not None:
            self.add_bound(row, column, text)
        return self.value(row, column, age_of, missing)

    def value(
        self,
        row: Row,
        column: str,
        read: Callable[[str], T | None],
        missing: Iterable[str] = (),
    ) -> T | None:
        """A cell's value.

        Args:
            row: The row; it may lack the column.
            column: The column in the plain spelling.
            read: Makes the value; returns None for a cell that it cannot read.
            missing: The study's codes for a missing value.

        Returns:
            The value, None if the cell is missing or cannot be read.
        """
        text = text_of(row.get(column), missing)
        if text is None:
            return None
        value = read(text)
        if value is None:
            self.add(row, column, text)
        return value

    def add(self, row: Row, column: str, text: str) -> None:
        """Count a cell that cannot be read, once however often it is looked up."""
        _count(self._cells, row, column, text)

    def add_bound(self, row: Row, column: str, text: str) -> None:
        """Count an age that is a lower bound."""
        _count(self._bounds, row, column, text)

    def notes(self) -> tuple[str, ...]:
        """A note for each column with such cells, with the first of them; no participant's id."""
        unread = _notes(self._cells, "cannot be read and count as missing")
        return (*unread, *_notes(self._bounds, "read as the lower bound"))


def _count(cells: Cells, row: Row, column: str, text: str) -> None:
    table, _, place = row.where.rpartition(", row ")
    kind = ENTITY.sub(r"\1-*", Path(table).name)
    cells.setdefault((kind, column), {})[row.where] = f"'{text}' in row {place}"


def _notes(counted: Cells, verdict: str) -> list[str]:
    return [
        f"{table}, column {column}: {len(cells)} cell{'s' * (len(cells) > 1)} {verdict}, such as "
        f"{next(iter(cells.values()))}"
        for (table, column), cells in counted.items()
    ]
