"""Reads the tables that come with a study: text or Excel, as programs and people write them."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from longibench.benchmark.cohorts.parsing.encodings import PACKED, is_workbook, unpacked
from longibench.benchmark.cohorts.parsing.grids import Grid, Line, plain_names
from longibench.benchmark.cohorts.parsing.grids import plain as plain
from longibench.benchmark.cohorts.parsing.numbers import (
    DoubtedNumber,
    parse_number,
    settled_columns,
)
from longibench.benchmark.cohorts.parsing.sheets import SHEETS as SHEETS
from longibench.benchmark.cohorts.parsing.sheets import parse_workbook
from longibench.benchmark.cohorts.parsing.text_tables import HEAD, parse_text
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.found_files import require_content

MISSING = frozenset(
    {"", "n/a", "na", "nan", "none", "null", "unknown", "?", ".", "#n/a", "<na>", "nat"}
)


class Row(dict[str, str]):
    """Cells by the plain name of their column.

    Attributes:
        where: The table and the row, as messages name them: ``FILE, row 3``; empty if unknown.
    """

    __slots__ = ("where",)

    def __init__(
        self, cells: Mapping[str, str] | Iterable[tuple[str, str]] = (), where: str = ""
    ) -> None:
        """Args: the cells, and where they stand."""
        super().__init__(cells)
        self.where = where

    @property
    def number(self) -> str:
        """The row's number in the file, as text."""
        return self.where.rpartition(", row ")[2]


@dataclass(frozen=True)
class Table:
    """A table's cells.

    Attributes:
        columns: Names in the plain spelling (``grids.plain``), of equal ones the first; an unnamed
            column is ``column_1`` by its place, and is absent if it is empty.
        rows: The rows that are not empty, all cells as stripped text.
        notes: How the table was read, if that is not obvious.
        repeated: Names that several columns have whose cells differ.
    """

    columns: list[str]
    rows: list[Row]
    notes: tuple[str, ...] = ()
    repeated: frozenset[str] = frozenset()

    def require(self, columns: Iterable[str], path: Path) -> None:
        """Check columns.

        Raises:
            UserError: One is missing, or two columns with its name contradict each other.
        """
        for name in columns:
            if name not in self.columns:
                raise UserError(f"{path}: has no column {name}; it has {', '.join(self.columns)}")
            if name in self.repeated:
                raise UserError(f"{path}: two columns {name} differ; rename or remove one of them")


def parse_table(path: Path, wanted: Collection[str] = (), content: bytes | None = None) -> Table:
    """Read a table.

    Args:
        path: Text with commas, semicolons, tabs or bars, in UTF-8, UTF-16, UTF-32 or cp1252, also
            compressed by gzip; or Excel.
        wanted: Columns in the plain spelling that decide which sheet of a workbook is read.
        content: The file's bytes, if they were read before.

    Raises:
        UserError: The file cannot be read; the message has the remedy.
    """
    grid = _grid(path, wanted, content)
    places: dict[str, list[int]] = {}
    for place, name in enumerate(plain_names(grid.header)):
        if grid.header[place] or any(line.cells[place].strip() for line in grid.lines):
            places.setdefault(name, []).append(place)
    first = [(name, place) for name, (place, *_) in places.items()]
    rows = [
        Row(
            {name: _stripped(line.cells[place]) for name, place in first},
            f"{path}, row {line.number}",
        )
        for line in grid.lines
    ]
    repeated = frozenset(name for name, equal in places.items() if _differ(equal, grid))
    return Table(list(places), rows, grid.notes, repeated)


def read_records(path: Path, *required: str) -> tuple[list[str], list[Row]]:
    """Read a table as text.

    Args:
        path: As for ``parse_table``.
        required: Required columns, in the plain spelling.

    Returns:
        Columns and rows of the ``Table``.

    Raises:
        UserError: The file cannot be read, or ``Table.require``.
    """
    table = parse_table(path, required)
    table.require(required, path)
    return table.columns, table.rows


def read_lines(path: Path, wanted: Collection[str] = ()) -> tuple[list[str], list[Line]]:
    """Read a large table of which few columns are needed.

    Args:
        path: As for ``parse_table``.
        wanted: As for ``parse_table``.

    Returns:
        Names of the columns in the plain spelling, and the rows, cells not yet stripped.

    Raises:
        UserError: As ``parse_table``.
    """
    grid = _grid(path, wanted)
    return plain_names(grid.header), grid.lines


def read_columns(path: Path, wanted: Collection[str] = ()) -> list[str]:
    """Names of a table's columns in the plain spelling, from the beginning of the file.

    Args:
        path: As for ``parse_table``.
        wanted: As for ``parse_table``.

    Raises:
        UserError: The file cannot be read, or is empty.
    """
    head = _bytes(path, HEAD)
    if not head.strip():
        raise UserError(f"{path}: cannot be read as a table: it is empty")
    if head.startswith(PACKED):
        return plain_names(_grid(path, wanted).header)
    is_workbook(path, head)
    return plain_names(parse_text(path, head, whole=False).header)


def text_of(cell: str | None, missing: Iterable[str] = ()) -> str | None:
    """A cell's text, or None if it is empty, n/a or one of the study's codes for missing."""
    if not cell:
        return None
    text = _stripped(cell)
    if text.lower() in MISSING or (missing and text.replace(",", ".") in missing):  # also -4,0
        return None
    return text


def number_of(cell: str | None, missing: Iterable[str] = ()) -> float | None:
    """A cell's number, or None if it is missing, no finite number, or ambiguous (``1,234``)."""
    text = text_of(cell, missing)
    return None if text is None else parse_number(text)


def _stripped(cell: str) -> str:
    return cell if isinstance(cell, DoubtedNumber) else cell.strip()


def _grid(path: Path, wanted: Collection[str] = (), content: bytes | None = None) -> Grid:
    """Cells as written, but for numbers whose column settles what a comma means in them."""
    packed = _bytes(path) if content is None else content
    content = unpacked(path, packed)
    is_sheet = is_workbook(path, content)
    grid = parse_workbook(path, content, wanted) if is_sheet else parse_text(path, content)
    columns = list(zip(*(line.cells for line in grid.lines), strict=True))
    for place, (cells, known) in enumerate(
        zip(columns, settled_columns(columns, grid.separator), strict=True)
    ):
        if known is not cells:
            for line, cell in zip(grid.lines, known, strict=True):
                line.cells[place] = cell
    return grid


def _bytes(path: Path, size: int = -1) -> bytes:
    require_content(path)
    try:
        with path.open("rb") as file:
            return file.read(size)
    except OSError as error:
        raise UserError(f"{path}: cannot be read as a table: {error.strerror}") from error


def _differ(places: list[int], grid: Grid) -> bool:
    """Whether columns of one name have different cells."""
    first, *others = places
    return any(
        line.cells[first].strip() != line.cells[other].strip()
        for other in others
        for line in grid.lines
    )
