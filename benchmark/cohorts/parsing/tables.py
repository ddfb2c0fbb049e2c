"""Reads the tables that come with a study: CSV, TSV or Excel, with any spelling of headers."""

import csv
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from longibench.benchmark.cohorts.parsing.numbers import parse_number
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.found_files import require_content

MISSING = ("", "n/a", "na", "nan", "none", "null", "unknown", "?")
SHEETS = (".xlsx", ".xls")
FIRST_ROW = 2  # of a file, below its header


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


def read_records(path: Path, *required: str) -> tuple[list[str], list[Row]]:
    """Read a table as text.

    Args:
        path: CSV, TSV (also ``.txt`` with tabs) or Excel.
        required: Required columns, in the plain spelling.

    Returns:
        Names of the columns in the plain spelling (``plain``), of equal ones the first; and the
        rows from ``FIRST_ROW`` of the file on, all cells as stripped text, missing ones as ``""``.

    Raises:
        UserError: The file cannot be read, or a column is missing.
    """
    header, lines = _read_sheet(path) if path.suffix.lower() in SHEETS else _parse(path)
    places: dict[str, int] = {}
    for place, name in enumerate(header):
        places.setdefault(plain(name), place)
    _require(places, required, path)
    return list(places), [
        Row(((name, line[place].strip()) for name, place in places.items()), f"{path}, row {row}")
        for row, line in enumerate(lines, FIRST_ROW)
    ]


def read_lines(path: Path) -> tuple[list[str], list[list[str]]]:
    """Read a large CSV or TSV of which few columns are needed.

    Args:
        path: The table.

    Returns:
        Names of the columns in the plain spelling, and the cells of each row, not yet stripped; the
        first row is row 2 of the file.

    Raises:
        UserError: As ``read_records``.
    """
    header, lines = _parse(path)
    return [plain(name) for name in header], lines


def read_rows(path: Path, key: str) -> dict[str, Row]:
    """Read a small CSV or TSV by row names, without the cost of a data frame.

    Args:
        path: The table.
        key: The column that names the rows.

    Returns:
        Rows by name, cells as in ``read_records``; of several rows with one name the first.

    Raises:
        UserError: As ``read_records``.
    """
    header, lines = _parse(path)
    names = [plain(name) for name in header]
    _require(names, (key,), path)
    rows: dict[str, Row] = {}
    for number, line in enumerate(lines, FIRST_ROW):
        row = Row(where=f"{path}, row {number}")
        for name, cell in zip(names, line, strict=True):
            row.setdefault(name, cell.strip())
        rows.setdefault(row[key], row)
    return rows


def plain(name: str) -> str:
    """A column's name in lower case, words joined by ``_``: ``Image Data ID`` is image_data_id."""
    return re.sub(r"[^0-9a-z]+", "_", name.strip().lower()).strip("_")


def text_of(cell: str | None, missing: Iterable[str] = ()) -> str | None:
    """A cell's text, or None if it is empty, n/a or one of the study's codes for missing."""
    text = (cell or "").strip()
    missed = text.lower() in MISSING or text.replace(",", ".") in missing  # also -4,0
    return None if missed else text


def number_of(cell: str | None, missing: Iterable[str] = ()) -> float | None:
    """A cell's number, or None if it is missing, no finite number, or ambiguous (``1,234``)."""
    text = text_of(cell, missing)
    return None if text is None else parse_number(text)


def _require(columns: Iterable[str], required: Iterable[str], path: Path) -> None:
    present = list(columns)
    for name in required:
        if name not in present:
            raise UserError(f"{path}: has no column {name}; it has {', '.join(present)}")


def _parse(path: Path) -> tuple[list[str], list[list[str]]]:
    """Header and rows of a CSV or TSV, each row as long as the header."""
    require_content(path)
    try:
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            first = file.readline()
            file.seek(0)
            separator = "\t" if first.count("\t") > first.count(",") else ","
            reader = csv.reader(file, delimiter=separator, strict=True)
            header = next(reader, [])
            lines = [_fitted(line, header, path, reader.line_num) for line in reader if line]
    except (OSError, csv.Error) as error:
        raise UserError(f"{path}: cannot be read as a table: {error}") from error
    if not header:
        raise UserError(f"{path}: cannot be read as a table: it is empty")
    return header, lines


def _fitted(line: list[str], header: list[str], path: Path, number: int) -> list[str]:
    """Pad a short row; refuse a longer one, unless its surplus cells are empty."""
    surplus = line[len(header) :]
    if any(cell.strip() for cell in surplus):
        raise UserError(
            f"{path}, line {number}: {len(line)} cells under {len(header)} columns; "
            "a cell that contains the separator needs quotes"
        )
    return line[: len(header)] + [""] * (len(header) - len(line))


def _read_sheet(path: Path) -> tuple[list[str], list[list[str]]]:
    require_content(path)
    try:
        table = pd.read_excel(path, dtype=str, keep_default_na=False).fillna("")
        return [str(name) for name in table], table.to_numpy(str).tolist()
    except ImportError as error:
        raise UserError(
            f"{path}: to read Excel, pip install openpyxl, or save it as CSV"
        ) from error
    except Exception as error:  # the parser's own: of zip, of XML, of missing parts
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(f"{path}: cannot be read as an Excel table: {reason}") from error
