"""The table of repeated scans: known differences give a known deviation; versions stay apart."""

from pathlib import Path

import pandas as pd
import pytest
from anatomy_training.people import GRIDS_MM
from anatomy_training.repeats import record, repeat_table

from longibench.metrics.anatomy import RELEASES
from longibench.metrics.detectable import COLUMNS, DIGITS, TABLE
from longibench.metrics.structures import STRUCTURES


def table(version: int = 1) -> pd.DataFrame:
    """Three people of 100 ml whose second scans at 5 mm differ."""
    rows = [
        (version, spacing, "brain", 100.0, again)
        for spacing, volumes in ((5.0, (99.0, 101.0, 103.0)), (1.5, (100.0,) * 3))
        for again in volumes
    ]
    names = ["version", "spacing_mm", "structure", "found", "found_again"]
    return repeat_table(version, f"{version}" * 64, pd.DataFrame(rows, columns=names))


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
    assert (rows["people"] >= 100).all()
    measured = [number for number, release in RELEASES.items() if release.path.exists()]
    assert set(rows["version"]) == set(measured)
    for number, version in rows.groupby("version"):
        assert set(version["weights"]) == {RELEASES[int(str(number))].sha256[:DIGITS]}
        assert not version.duplicated(["spacing_mm", "structure"]).any()
        assert set(version["spacing_mm"]) == set(GRIDS_MM)
        assert len(version) == len(GRIDS_MM) * version["structure"].nunique()
        tissues = {*RELEASES[int(str(number))].network.tissues, "brain"}
        assert set(version["structure"]) == tissues.intersection(STRUCTURES)
