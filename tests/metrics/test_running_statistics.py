"""Mean and covariance batch by batch equal those of all at once, in room that does not grow."""

import tracemalloc

import numpy as np
import pytest

from longibench.metrics.frechet import frechet_distance, statistics_to_distance
from longibench.metrics.metric import MetricError, TooFewVolumes
from longibench.metrics.running_statistics import RunningStatistics


def gather(features: np.ndarray, sizes: tuple[int, ...]) -> RunningStatistics:
    running = RunningStatistics(features.shape[1])
    for batch in np.split(features, np.cumsum(sizes)):
        running.add(batch)
    return running


@pytest.fixture(scope="module")
def features() -> np.ndarray:
    """Far from zero, where a naive sum of squares would lose its digits."""
    return np.random.default_rng(0).normal(size=(60, 7)) * np.arange(1, 8) + 1000


@pytest.mark.parametrize("sizes", [(), (1,) * 59, (0, 7, 30), (50,)])
def test_equals_numpy(features: np.ndarray, sizes: tuple[int, ...]) -> None:
    running = gather(features, sizes)
    assert running.count == 60
    np.testing.assert_allclose(running.mean, features.mean(axis=0), rtol=1e-12)
    expected = np.cov(features, rowvar=False)
    assert np.abs(running.covariance - expected).max() < 1e-12 * np.abs(expected).max()


def test_partial_results_merge(features: np.ndarray) -> None:
    parts = [gather(part, (3,)) for part in np.split(features, [5, 20])]
    before = parts[1].covariance.copy()
    merged = RunningStatistics(7)
    for part in parts:
        merged.merge(part)
    merged.merge(RunningStatistics(7))
    expected = np.cov(features, rowvar=False)
    assert np.abs(merged.covariance - expected).max() < 1e-12 * np.abs(expected).max()
    np.testing.assert_array_equal(parts[1].covariance, before)


def test_gives_the_distance(features: np.ndarray) -> None:
    other = features[::2] * 1.5
    found = statistics_to_distance(
        generated=gather(features, (10,)).statistics(), reference=gather(other, (9, 9)).statistics()
    )
    assert found == pytest.approx(frechet_distance(generated=features, reference=other), rel=1e-9)


def test_memory_does_not_grow() -> None:
    """A hundred times as many volumes take the room of a few."""

    def peak(batches: int) -> int:
        running = RunningStatistics(64)
        tracemalloc.start()
        for seed in range(batches):
            running.add(np.random.default_rng(seed).normal(size=(20, 64)))
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return highest

    peak(2)
    assert peak(200) < 1.2 * peak(2)


def test_refuses_what_it_cannot_tell(features: np.ndarray) -> None:
    running = gather(features[:1], ())
    with pytest.raises(TooFewVolumes, match="at least 2 volumes; there is 1"):
        _ = running.covariance
    with pytest.raises(TooFewVolumes):
        running.statistics()
    with pytest.raises(MetricError, match="finite"):
        running.add(np.full((2, 7), np.nan))
    assert running.count == 1
