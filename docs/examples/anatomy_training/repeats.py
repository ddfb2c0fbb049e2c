"""Repeated scans without change: by how much a segmentation's volumes differ between two scans."""

from pathlib import Path

import pandas as pd

from longibench.metrics.detectable import COLUMNS, DIGITS, TABLE
from longibench.metrics.structures import STRUCTURES


def repeat_table(version: int, weights: str, rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of ``metrics/data/detectable.csv`` for one version of the embedded segmentation.

    Args:
        version: Of the weights.
        weights: Their SHA256, or its first digits.
        rows: Of ``segmenting.person_rows``.
    """
    rows = rows[(rows["version"] == version) & rows["structure"].isin(STRUCTURES)]
    rows = rows.assign(percent=100 * (rows["found_again"] / rows["found"] - 1))
    groups = rows.groupby(["spacing_mm", "structure"], sort=False)["percent"]
    table = groups.agg(people="size", sd_percent="std").round(3).reset_index()
    return table.assign(version=version, weights=weights[:DIGITS])[list(COLUMNS)]


def record(table: pd.DataFrame, path: Path = TABLE) -> None:
    """Write the rows of a version in place of its earlier ones; other versions keep theirs."""
    if path.exists():
        known = pd.read_csv(path, dtype={"weights": str})
        table = pd.concat([known[~known["version"].isin(table["version"])], table])
    table.sort_values("version", kind="stable").to_csv(path, index=False)
