"""AUROC of the simulated change: exact with ties, and by direction."""

from collections.abc import Callable

import numpy as np
import pytest

from longibench.metrics.metric import MetricError, Scan
from longibench.metrics.truth_auroc import TruthAuroc, auroc

Pair = tuple[Scan, Scan]
Changed = Callable[[Pair, float], Scan]


@pytest.mark.parametrize(
    ("share", "expected"), [(0, 0.5), (0.5, 1), (1, 1), (0.01, 1), (-1, 0), (-0.5, 0)]
)
def test_direction_counts_and_size_does_not(
    aging: Pair, changed: Changed, score: Callable[..., float], share: float, expected: float
) -> None:
    source, later = aging
    assert score(TruthAuroc(), changed(aging, share), later, source) == pytest.approx(expected)


def test_no_change_is_exactly_one_half(aging: Pair, score: Callable[..., float]) -> None:
    source, later = aging
    assert score(TruthAuroc(), Scan(source.voxels, source.spacing_mm), later, source) == 0.5


def test_removed_noise_and_random_changes_are_near_one_half(
    aging: Pair, score: Callable[..., float]
) -> None:
    source, later = aging
    assert source.truth is not None
    noise = np.random.default_rng(5).normal(size=source.shape).astype(np.float32)
    for voxels in (source.truth.clean, source.voxels + noise):
        found = score(TruthAuroc(), Scan(voxels, source.spacing_mm), later, source)
        assert found == pytest.approx(0.5, abs=0.1)


def test_any_increasing_map_of_the_change_scores_the_same(
    aging: Pair, changed: Changed, noisy: Callable[[Scan, float], Scan], score: Callable[..., float]
) -> None:
    source, later = aging
    made = noisy(changed(aging, 0.5), 0.1)
    cubed = Scan((source.voxels + (made.voxels - source.voxels) ** 3), source.spacing_mm)
    once, again = (score(TruthAuroc(), its, later, source) for its in (made, cubed))
    assert 0.5 < once < 1
    assert again == pytest.approx(once, abs=1e-3)


def test_one_direction_alone_is_enough(aging: Pair, score: Callable[..., float]) -> None:
    source, later = aging
    assert source.truth is not None
    assert later.truth is not None
    later.truth.clean[...] = np.minimum(later.truth.clean, source.truth.clean)
    darker = Scan(source.voxels + later.truth.clean - source.truth.clean, source.spacing_mm)
    assert score(TruthAuroc(), darker, later, source) == pytest.approx(1)


def test_without_a_change_of_anatomy_there_is_no_value(
    aging: Pair, score: Callable[..., float]
) -> None:
    source, later = aging
    later.truth = source.truth
    with pytest.raises(MetricError, match="the anatomy does not change"):
        score(TruthAuroc(), source, later, source)


def test_ties_count_half() -> None:
    positive = np.array([False, False, True, True])
    assert auroc(np.array([1.0, 2, 2, 3]), positive) == (1 + 0.5 + 1 + 1) / 4


def test_agrees_with_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    values, positive = rng.integers(0, 20, 500).astype(float), rng.random(500) < 0.1
    assert auroc(values, positive) == pytest.approx(metrics.roc_auc_score(positive, values))
