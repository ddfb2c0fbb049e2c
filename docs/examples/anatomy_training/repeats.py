"""Repeated scans without change: by how much a segmentation's volumes differ between two scans."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import pandas as pd

from anatomy_training.people import Subject, Values
from longibench.metrics.detectable import COLUMNS, DIGITS, TABLE
from longibench.metrics.scan import Spacing

Measure = Callable[[Values, Spacing], Mapping[str, float]]  # volumes in ml by structure


def repeat_table(
    version: int, weights: str, measure: Measure, people: Iterable[Subject]
) -> pd.DataFrame:
    """The rows of ``metrics/data/detectable.csv`` for one version of the embedded segmentation.

    Args:
        version: Of the weights.
        weights: Their SHA256.
        measure: Volumes of the structures in a scan (X, Y, Z) in [-1, 1], given its voxel size.
        people: Scanned twice on every grid; one is read at a time.
    """
    rows = pd.DataFrame(_differences(measure, people), columns=["spacing_mm", "structure", "found"])
    groups = rows.groupby(["spacing_mm", "structure"], sort=False)["found"]
    table = groups.agg(people="size", sd_percent="std").round(3).reset_index()
    return table.assign(version=version, weights=weights[:DIGITS])[list(COLUMNS)]


def record(table: pd.DataFrame, path: Path = TABLE) -> None:
    """Write the rows of a version in place of its earlier ones; other versions keep theirs."""
    if path.exists():
        known = pd.read_csv(path, dtype={"weights": str})
        table = pd.concat([known[~known["version"].isin(table["version"])], table])
    table.sort_values("version", kind="stable").to_csv(path, index=False)


def _differences(measure: Measure, people: Iterable[Subject]) -> Iterator[tuple[float, str, float]]:
    """Grid in mm, structure, and percent of the first scan's volume by which the second differs."""
    for person in people:
        for size, scans in person.scans.items():
            side = (size, size, size)
            first, again = measure(scans.first, side), measure(scans.again, side)
            for structure, ml in first.items():
                yield size, structure, 100 * (again[structure] / ml - 1)
