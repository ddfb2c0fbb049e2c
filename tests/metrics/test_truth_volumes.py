"""Error of the true change of volume, and that of the segmentation itself."""

from collections.abc import Callable

import pytest

from longibench.metrics.instruments import Instruments
from longibench.metrics.metric import MetricError, Scan
from longibench.metrics.scan import Truth
from longibench.metrics.truth_volumes import TruthBrain, TruthVentricles

Pair = tuple[Scan, Scan]


@pytest.fixture
def free(aging: Pair) -> Pair:
    """The pair without its noise: tissue is counted by intensity."""
    made = [its.truth for its in aging if its.truth is not None]
    source, later = (Scan(its.clean, aging[0].spacing_mm, truth=its) for its in made)
    return source, later


def test_the_real_follow_up_has_the_error_of_the_segmentation(
    free: Pair, counting: Instruments, score: Callable[..., float]
) -> None:
    """The truth of the follow-up has 0.2 ml more ventricle than are counted in it."""
    source, later = free
    metric = TruthVentricles(counting)
    assert score(metric, later, later, source) == pytest.approx(0.2)
    assert score(TruthBrain(counting), later, later, source) == pytest.approx(0)


def test_a_copy_misses_the_whole_change(
    free: Pair, counting: Instruments, score: Callable[..., float]
) -> None:
    source, later = free
    assert source.truth is not None
    assert later.truth is not None
    growth = later.truth.volumes_ml["ventricle"] - source.truth.volumes_ml["ventricle"]
    copy = Scan(source.voxels, source.spacing_mm, real=False)
    assert score(TruthVentricles(counting), copy, later, source) == pytest.approx(growth)


def test_a_constant_error_of_the_segmentation_cancels(
    free: Pair, counting: Instruments, score: Callable[..., float]
) -> None:
    source, later = free
    shifted = [
        Scan(
            its.voxels,
            its.spacing_mm,
            truth=Truth(its.voxels, {k: v + 3 for k, v in its.truth.volumes_ml.items()}),
        )
        for its in (source, later)
        if its.truth is not None
    ]
    metric = TruthVentricles(counting)
    assert score(metric, later, shifted[1], shifted[0]) == pytest.approx(0.2)


def test_a_truth_without_the_structure_is_named(
    free: Pair, counting: Instruments, score: Callable[..., float]
) -> None:
    source, later = free
    later.truth = Truth(later.voxels, {"brain": 1.0})
    with pytest.raises(MetricError, match="the truth has no volume of the ventricle"):
        score(TruthVentricles(counting), later, later, source)
