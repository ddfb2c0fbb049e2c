"""Reads BIDS tables."""

from pathlib import Path

import pandas as pd

from benchmark.errors import UserError

MISSING = ("", "n/a", "na", "nan", "none", "null")


def read_tsv(path: Path, key: str) -> pd.DataFrame:
    """Read a tab-separated table as text.

    Args:
        path: The table.
        key: The column that names the rows; it becomes the index.

    Returns:
        The table with column names in lower case and words joined by ``_``.

    Raises:
        UserError: The file cannot be read, or lacks the key column.
    """
    try:
        table = pd.read_csv(
            path, sep="\t", dtype=str, keep_default_na=False, encoding="utf-8-sig", index_col=False
        )
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{path}: cannot be read as a tab-separated table: {reason}") from error
    table.columns = pd.Index([_plain(name) for name in table.columns])
    if key not in table:
        raise UserError(f"{path}: has no column {key}; its columns are {', '.join(table.columns)}")
    return table.fillna("").set_index(key)


def value_of(cell: str) -> str | None:
    """The cell's text, or None where BIDS says n/a."""
    text = cell.strip()
    return None if text.lower() in MISSING else text


def _plain(name: str) -> str:
    return "_".join(name.strip().lower().replace("-", " ").replace("_", " ").split())
