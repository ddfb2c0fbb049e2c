"""The smallest detectable change: a known deviation, between and beyond the measured voxels."""

import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from longibench.metrics import detectable
from longibench.metrics.anatomy import RELEASES
from longibench.metrics.detectable import COLUMNS, DIGITS, HEALTHY, smallest_change
from longibench.metrics.structures import STRUCTURES

WEIGHTS = "a" * 64
NOT_BY_THE_FIRST = ("hippocampus",)
ROWS = [(5.0, "brain", 2.0), (2.5, "brain", 1.0), (1.5, "brain", 0.5), (5.0, "csf", 3.0)]


@pytest.fixture
def _table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    lines = [f"1,{WEIGHTS[:DIGITS]},{mm},{name},9,{sd}" for mm, name, sd in ROWS]
    path = tmp_path / "detectable.csv"
    path.write_text("\n".join([",".join(COLUMNS), *lines]))
    monkeypatch.setattr(detectable, "TABLE", path)
    detectable._measured.cache_clear()
    yield
    detectable._measured.cache_clear()


@pytest.mark.usefixtures("_table")
@pytest.mark.parametrize(
    ("spacing", "sd"),
    [
        (5.0, 2.0),
        (2.5, 1.0),
        (12.5**0.5, 1.5),  # half way from 2.5 to 5 mm, by ratio
        (0.9, 0.5),  # no better than the smallest voxels that were measured
        (5.001, 2.0),
        ((0.7, 0.7, 2.5), 1.0),  # the coarsest side
    ],
)
def test_it_is_1_96_deviations(spacing: float, sd: float) -> None:
    assert smallest_change("brain", spacing, WEIGHTS) == pytest.approx(1.96 * sd)


@pytest.mark.usefixtures("_table")
@pytest.mark.parametrize(
    ("structure", "spacing", "weights"),
    [("brain", 6.0, WEIGHTS), ("grey", 5.0, WEIGHTS), ("brain", 5.0, "b" * 64), ("brain", 5.0, "")],
)
def test_none_is_claimed_where_none_was_measured(
    structure: str, spacing: float, weights: str
) -> None:
    assert math.isnan(smallest_change(structure, spacing, weights))


RELEASED = pytest.mark.parametrize("version", [1, 2])


@RELEASED
def test_it_rises_with_the_voxel(version: int) -> None:
    sizes = (1.5, 2.0, 2.5, 3.0, 4.0, 5.0)
    found = [smallest_change("brain", size, RELEASES[version].sha256) for size in sizes]
    assert not math.isnan(found[0])
    assert found == sorted(found)


@RELEASED
def test_the_released_weights_have_every_structure(version: int) -> None:
    assert HEALTHY.keys() <= set(STRUCTURES)
    assert set(NOT_BY_THE_FIRST) < set(STRUCTURES)
    for structure in set(STRUCTURES).difference(NOT_BY_THE_FIRST if version == 1 else ()):
        assert 0 < smallest_change(structure, 5.0, RELEASES[version].sha256) < 20
