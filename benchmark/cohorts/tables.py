"""Reads the tables that come with a study: CSV, TSV or Excel, whatever their headers' spelling."""

import re
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from benchmark.errors import UserError

MISSING = ("", "n/a", "na", "nan", "none", "null", "unknown", "?")
SHEETS = (".xlsx", ".xls")


def read_table(path: Path, *required: str) -> pd.DataFrame:
    """Read a table as text.

    Args:
        path: CSV, TSV (also ``.txt`` with tabs) or Excel.
        required: Columns that must be there, in the plain spelling.

    Returns:
        All cells as stripped text, missing ones as ``""``; column names in the plain spelling
        (``plain``); the index is the row of the file, counted from 1 with the header as 1.

    Raises:
        UserError: The file cannot be read, or a column is missing.
    """
    table = _read_sheet(path) if path.suffix.lower() in SHEETS else _read_text(path)
    table.columns = pd.Index([plain(str(name)) for name in table.columns])
    table = table.loc[:, ~table.columns.duplicated()].fillna("")
    table = table.apply(lambda column: column.str.strip())
    table.index = pd.RangeIndex(2, len(table) + 2, name="row")
    for name in required:
        if name not in table:
            raise UserError(f"{path}: has no column {name}; it has {', '.join(table.columns)}")
    return table


def read_keyed(path: Path, key: str) -> pd.DataFrame:
    """Read a table whose rows are named by a column, which becomes the index; see read_table."""
    return read_table(path, key).set_index(key)


def plain(name: str) -> str:
    """A column's name in lower case, words joined by ``_``: ``Image Data ID`` is image_data_id."""
    return re.sub(r"[^0-9a-z]+", "_", name.strip().lower()).strip("_")


def text_of(cell: str | None, missing: Iterable[str] = ()) -> str | None:
    """A cell's text, or None where it is empty, n/a or one of the study's codes for missing."""
    text = (cell or "").strip()
    return None if text.lower() in MISSING or text in missing else text


def number_of(cell: str | None, missing: Iterable[str] = ()) -> float | None:
    """A cell's number, or None where it is missing or not a finite number."""
    text = text_of(cell, missing)
    try:
        value = float(text) if text is not None else float("nan")
    except ValueError:
        return None
    return value if abs(value) < float("inf") else None


def _read_text(path: Path) -> pd.DataFrame:
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            header = file.readline()
        return pd.read_csv(
            path,
            sep="\t" if header.count("\t") > header.count(",") else ",",
            dtype=str,
            keep_default_na=False,
            encoding="utf-8-sig",
            encoding_errors="replace",
            index_col=False,
        )
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{path}: cannot be read as a table: {reason}") from error


def _read_sheet(path: Path) -> pd.DataFrame:
    try:
        return pd.read_excel(path, dtype=str, keep_default_na=False)
    except ImportError as error:
        raise UserError(
            f"{path}: to read Excel, pip install openpyxl, or save it as CSV"
        ) from error
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read as an Excel table: {error}") from error
