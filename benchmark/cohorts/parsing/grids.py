"""Cells of a table as rows of text, and which of the rows is the header."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from longibench.benchmark.cohorts.parsing.numbers import parse_number
from longibench.benchmark.core.errors import UserError

MOST_TITLES = 10  # rows above a header
FORMULA = re.compile(r'="(.*)"')  # Excel's way to keep the zeros of 002


class Line(NamedTuple):
    """A row of a file.

    Attributes:
        number: Its number in the file; the file's first row is 1, empty rows count.
        cells: Its cells as text, one of them at least not empty.
    """

    number: int
    cells: list[str]


@dataclass(frozen=True)
class Grid:
    """A table.

    Attributes:
        header: Names of the columns as written.
        lines: The rows below, each as long as the header; none is empty.
        notes: How the table was read, if that is not obvious.
        separator: The sign between its cells; empty for a workbook.
    """

    header: list[str]
    lines: list[Line]
    notes: tuple[str, ...] = ()
    separator: str = ""


def plain(name: str) -> str:
    """A column's name in lower case, words joined by ``_``: ``Image Data ID`` is image_data_id."""
    return re.sub(r"[^0-9a-z]+", "_", name.strip().lower()).strip("_")


def plain_names(header: Sequence[str]) -> list[str]:
    """The plain names of columns; one without Latin letters is ``column_3`` by its place."""
    return [plain(name) or f"column_{place}" for place, name in enumerate(header, 1)]


def header_place(lines: Sequence[Line]) -> int:
    """Index of the header: the first row, or the first below title rows.

    Title rows and comments have one filled cell and are above a row of several words.
    """
    for place, line in enumerate(lines[: MOST_TITLES + 1]):
        filled = [cell.strip() for cell in line.cells if cell.strip()]
        if len(filled) > 1 and not _is_comment(lines, place):
            words = not any(map(_is_number, filled))
            return place if words and place + 1 < len(lines) else 0
    return 0


def with_header(
    lines: list[Line], path: Path, notes: Sequence[str] = (), separator: str = ""
) -> Grid:
    """A table from the rows of a file.

    Args:
        lines: The rows that are not empty.
        path: The file, for errors.
        notes: How it was read.
        separator: The sign between cells; empty for a workbook.

    Raises:
        UserError: No row, or a row with more cells than the header has.
    """
    if not lines:
        raise UserError(f"{path}: cannot be read as a table: it is empty")
    place = header_place(lines)
    header, below = lines[place].cells, lines[place + 1 :]
    if place:
        notes = [*notes, f"{path.name}: its header is in row {lines[place].number}"]
    header = _with_row_names(header, below, path, separator)
    for line in below:
        if any(cell.strip() for cell in line.cells[len(header) :]):
            raise UserError(
                f"{path}, line {line.number}: {len(line.cells)} cells under {len(header)} columns; "
                "a cell that contains the separator needs quotes, a decimal comma too"
            )
        line.cells[len(header) :] = [""] * (len(header) - len(line.cells))
    return Grid([name.strip() for name in header], below, tuple(notes), separator)


def unwrapped(cell: str) -> str:
    """A cell's text: stripped, and ``="002"`` is 002."""
    text = cell.strip()
    match = FORMULA.fullmatch(text) if text.startswith("=") else None
    return match[1].strip() if match else text


def _is_comment(lines: Sequence[Line], place: int) -> bool:
    """Whether a row begins with # and has other columns than the row below."""
    commented = lines[place].cells[0].lstrip().startswith("#")
    below = lines[place + 1].cells if place + 1 < len(lines) else lines[place].cells
    return commented and len(below) != len(lines[place].cells)


def _is_number(cell: str) -> bool:
    return parse_number(cell) is not None


def _with_row_names(header: list[str], below: list[Line], path: Path, separator: str) -> list[str]:
    """The header with a first column for the names of rows, which R does not name.

    Raises:
        UserError: Commas separate the cells, so that decimal commas look the same.
    """
    surplus = {len(line.cells) - len(header) for line in below}
    if surplus != {1} or not any(line.cells[-1].strip() for line in below):
        return header
    if separator == ",":
        raise UserError(
            f"{path}, line {below[0].number}: {len(header) + 1} cells under {len(header)} columns, "
            "as in all rows; quote cells with decimal commas, or if these are R's row names, write "
            "the table with row.names = FALSE"
        )
    return ["", *header]
