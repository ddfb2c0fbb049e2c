"""Reads Excel workbooks: which sheet, and its cells as text."""

from collections.abc import Collection
from datetime import datetime
from io import BytesIO
from pathlib import Path

import pandas as pd

from longibench.benchmark.cohorts.parsing.encodings import AS_CSV, PACKED
from longibench.benchmark.cohorts.parsing.grids import Grid, Line, plain_names, with_header
from longibench.benchmark.core.errors import UserError

SHEETS = (".xlsx", ".xls", ".xlsm")
MIDNIGHT = " 00:00:00"


def parse_workbook(path: Path, content: bytes, wanted: Collection[str]) -> Grid:
    """The sheet with the most of the wanted columns, the first of equals.

    Args:
        path: The file, for errors.
        content: Its bytes.
        wanted: Columns in the plain spelling.

    Raises:
        UserError: No workbook, no sheet with a row, or Excel's old format without its reader.
    """
    grids = {}
    for name, table in _sheets(path, content).items():
        lines = [Line(row, [*map(_text, cells)]) for row, cells in enumerate(table, 1)]
        if lines := [line for line in lines if any(line.cells)]:
            grids[name] = with_header(lines, path)
    if not grids:
        raise UserError(f"{path}: cannot be read as a table: it is empty")
    chosen = max(grids, key=lambda name: len({*plain_names(grids[name].header)} & {*wanted}))
    grid = grids[chosen]
    if len(grids) == 1:
        return grid
    others = ", ".join(name for name in grids if name != chosen)
    note = f"{path.name}: sheet {chosen} is read, not {others}"
    return Grid(grid.header, grid.lines, (*grid.notes, note))


def _sheets(path: Path, content: bytes) -> dict[str, list[list[object]]]:
    """Cells of all sheets, by name."""
    try:
        sheets = pd.read_excel(
            BytesIO(content), sheet_name=None, header=None, dtype=object, na_filter=False
        )
        return {str(name): table.to_numpy(object).tolist() for name, table in sheets.items()}
    except ImportError as error:
        package = "openpyxl" if content.startswith(PACKED[0]) else "xlrd"
        raise UserError(f"{path}: to read Excel, pip install {package}, or {AS_CSV}") from error
    except Exception as error:  # the parser's own: of zip, of XML, of missing parts
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(
            f"{path}: cannot be read as an Excel table: {reason}; download or save it again"
        ) from error


def _text(cell: object) -> str:
    """A cell as text: dates as 2011-05-03, whole numbers without a point, errors as empty."""
    if cell is None or cell is pd.NaT or (isinstance(cell, float) and cell != cell):
        return ""
    if isinstance(cell, datetime):
        return str(cell).removesuffix(MIDNIGHT)
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 2**53:
        return str(int(cell))
    return str(cell)
