"""Monotonicity: direction of the ventricles from visit to visit, held against the true one."""

from collections.abc import Callable

import numpy as np
import pytest

from longibench.metrics.instruments import Instruments
from longibench.metrics.metric import MetricError, Scan
from longibench.metrics.monotonicity import Monotonicity

Make = Callable[..., Scan]


@pytest.fixture
def share(brain: Make, counting: Instruments) -> Callable[[list[int], list[int]], float]:
    """Score of courses of the ventricles, after a source of 40 voxels."""
    metric, source = Monotonicity(counting), brain(40)

    def features(course: list[int]) -> np.ndarray:
        found = [metric.features(brain(n), source=source, interval_years=1) for n in course]
        return np.array(found).reshape(-1, 2)

    def call(generated: list[int], reference: list[int]) -> float:
        years = np.arange(1.0, len(reference) + 1)
        return metric(
            generated=features(generated), reference=features(reference), interval_years=years
        )

    return call


@pytest.mark.parametrize(
    ("generated", "reference", "expected"),
    [
        ([50, 60, 70], [50, 60, 70], 1),
        ([41, 42, 43], [50, 60, 70], 1),  # as slow as you like
        ([50, 45, 70], [50, 60, 70], 2 / 3),
        ([30], [50], 0),  # the step from the source counts
        ([90, 80, 70], [50, 60, 70], 1 / 3),
        ([40, 40, 40], [50, 60, 70], 0),  # copies
        ([30, 20], [35, 25], 1),  # the truth is right, whichever way it goes
        ([50, 60, 55], [50, 50, 45], 1),  # where the truth stands still nothing is asked
    ],
)
def test_share_of_steps(
    share: Callable[..., float], generated: list[int], reference: list[int], expected: float
) -> None:
    assert share(generated, reference) == pytest.approx(expected)


def test_swapping_the_volumes_is_noticed(share: Callable[..., float]) -> None:
    assert share([40, 60], [50, 60]) == pytest.approx(0.5)
    assert share([50, 60], [40, 60]) == pytest.approx(1)


def test_no_visit_and_no_true_change(share: Callable[..., float]) -> None:
    with pytest.raises(MetricError, match="no visit"):
        share([], [])
    with pytest.raises(MetricError, match="never change"):
        share([50], [40])
