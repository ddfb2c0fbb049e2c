"""The tables as CSV, in full precision, for other programs."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from longibench.benchmark.core.text import begins_formula, visible
from longibench.reports.model.estimates import Estimate
from longibench.reports.model.formats import DASH
from longibench.reports.tables.columns import Column
from longibench.reports.tables.metric_table import Row, Table

# In the column of methods, but not methods:
REAL_HALVES, REAL_FOLLOW_UP = "real-halves", "real-follow-up"


def to_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows of equal keys as CSV; a missing value is an empty field, and no cell is a formula."""
    inert = [{_inert(key): _inert(value) for key, value in row.items()} for row in rows]
    return pd.DataFrame(inert).convert_dtypes().to_csv(index=False, lineterminator="\n")


def _inert(cell: Any) -> Any:
    """The cell with a leading ``'`` if a spreadsheet would compute its text."""
    if not isinstance(cell, str):
        return cell
    return f"'{visible(cell)}" if begins_formula(cell) else visible(cell)


def table_records(table: Table) -> list[dict[str, Any]]:
    """One row per method, with bounds, spread between seeds, values in halves, letters."""
    rows = [_record(table, row) for row in table.rows]
    if any(column.floor for column in table.columns):
        rows.append(_floor_record(table))
    if real := {c.title: c.real for c in table.columns if not math.isnan(c.real)}:
        rows.append({"method": REAL_FOLLOW_UP, **real})
    return rows


def _record(table: Table, row: Row) -> dict[str, Any]:
    record: dict[str, Any] = {
        "method": row.entry.method,
        "label": row.entry.label,
        "role": row.entry.role,
        "details": row.details,
        "training_seeds": row.seeds,
    }
    for column, cell in zip(table.columns, row.cells, strict=True):
        record |= _values(column, cell.estimate)
        record[f"{column.title} letters"] = cell.letters or None
    for head, value in zip(table.published_heads, row.published, strict=True):
        name = f"{head.partition(' ')[0]} {table.published_label}"
        record[name] = None if value == DASH else value
    return record


def _values(column: Column, value: Estimate) -> dict[str, float | None]:
    found: dict[str, float | None] = {
        "": value.value,
        " low": value.interval.low,
        " high": value.interval.high,
        " sd between seeds": value.seed_spread,
    }
    if column.floor:
        found[_halves(column)] = value.floor.generated if value.floor else None
    return {f"{column.title}{end}": number for end, number in found.items()}


def _floor_record(table: Table) -> dict[str, Any]:
    floors = {
        f"{column.title}{_halves(column)}": column.floor.real
        for column in table.columns
        if column.floor
    }
    return {"method": REAL_HALVES, **floors}


def _halves(column: Column) -> str:
    return f" in halves, n={column.floor.volumes}" if column.floor else ""
