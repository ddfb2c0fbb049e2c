"""Rank correlation with the simulated change where it is large."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from longibench.metrics.masks import source_mask
from longibench.metrics.metric import MetricError, Scan
from longibench.metrics.truth_rank import TruthRank

Pair = tuple[Scan, Scan]
Changed = Callable[[Pair, float], Scan]


@pytest.mark.parametrize(("share", "expected"), [(0.5, 1), (1, 1), (-1, -1)])
def test_order_counts_and_size_does_not(
    aging: Pair, changed: Changed, score: Callable[..., float], share: float, expected: float
) -> None:
    source, later = aging
    found = score(TruthRank(), changed(aging, share), later, source)
    assert found == pytest.approx(expected, abs=5e-3)  # rounding to float32 breaks ties


def test_agrees_with_scipy_on_the_largest_changes(
    aging: Pair, changed: Changed, noisy: Callable[[Scan, float], Scan], score: Callable[..., float]
) -> None:
    source, later = aging
    assert source.truth is not None
    assert later.truth is not None
    made = noisy(changed(aging, 0.5), 0.2)
    head = source_mask(source)
    true = (later.truth.clean.astype(float) - source.truth.clean)[head]
    large = np.abs(true) >= np.quantile(np.abs(true), 0.95)
    change = (made.voxels.astype(float) - source.voxels)[head]
    expected = stats.spearmanr(change[large], true[large]).statistic
    assert score(TruthRank(), made, later, source) == pytest.approx(expected)


def test_a_copy_and_an_unchanged_anatomy_have_none(
    aging: Pair, changed: Changed, score: Callable[..., float]
) -> None:
    source, later = aging
    with pytest.raises(MetricError, match="the generated change is constant"):
        score(TruthRank(), changed(aging, 0), later, source)
    unchanged = Scan(later.voxels, later.spacing_mm, truth=source.truth)
    with pytest.raises(MetricError, match="the anatomy does not change"):
        score(TruthRank(), changed(aging, 1), unchanged, source)
