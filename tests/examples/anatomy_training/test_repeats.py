"""The table of repeated scans: known differences give a known deviation; versions stay apart."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from anatomy_training.people import GRIDS_MM, Scans, Subject
from anatomy_training.repeats import record, repeat_table

from longibench.metrics.anatomy import SHA256
from longibench.metrics.detectable import COLUMNS, DIGITS, TABLE
from longibench.metrics.structures import STRUCTURES


def subject(number: int, again: float) -> Subject:
    """Somebody whose first scan is 100 ml, by a segmentation that returns a voxel's value."""
    first, second = (np.full((1, 1, 1), ml, np.float32) for ml in (100.0, again))
    scans = {5.0: Scans(first, second, first), 1.5: Scans(first, first, first)}
    return Subject(number, "CN", 1.0, {}, {}, scans)


def table(version: int = 1) -> pd.DataFrame:
    people = [subject(1, 99.0), subject(2, 101.0), subject(3, 103.0)]
    return repeat_table(
        version, f"{version}" * 64, lambda scan, _: {"brain": float(scan.item())}, people
    )


def test_a_known_deviation() -> None:
    rows = table().set_index("spacing_mm")
    assert rows.loc[5.0, "sd_percent"] == pytest.approx(2.0)  # of -1, 1 and 3 %
    assert rows.loc[1.5, "sd_percent"] == 0
    assert set(rows["people"]) == {3}
    assert set(rows["weights"]) == {"1" * DIGITS}


def test_a_version_replaces_its_own_rows(tmp_path: Path) -> None:
    path = tmp_path / "detectable.csv"
    for version in (2, 1, 2):
        record(table(version), path)
    rows = pd.read_csv(path)
    assert list(rows.columns) == list(COLUMNS)
    assert list(rows["version"]) == [1, 1, 2, 2]


def test_the_released_table_is_complete() -> None:
    rows = pd.read_csv(TABLE, dtype={"weights": str})
    assert SHA256[:DIGITS] in set(rows["weights"])
    assert (rows["people"] >= 100).all()
    for _, version in rows.groupby("version"):
        assert version["weights"].nunique() == 1
        assert not version.duplicated(["spacing_mm", "structure"]).any()
        assert set(version["spacing_mm"]) == set(GRIDS_MM)
        assert len(version) == len(GRIDS_MM) * version["structure"].nunique()
    current = rows[rows["weights"] == SHA256[:DIGITS]]
    assert set(current["structure"]) == set(STRUCTURES)
