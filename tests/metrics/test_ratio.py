"""Ratios of sums and their jackknife interval."""

import numpy as np
import pytest

from longibench.metrics.ratio import ratio_interval
from longibench.metrics.truth_skill import TruthSkill


def test_interval_is_that_of_the_leave_one_out_values_of_the_metric() -> None:
    """The report computes from sums what the jackknife of the metric computes from features."""
    rng = np.random.default_rng(0)
    rows = np.stack([rng.normal(1, 1, 12), rng.uniform(1, 3, 12)], axis=1)
    groups = [str(row // 2) for row in range(12)]
    sums = rows.reshape(6, 2, 2).sum(axis=1)
    found = ratio_interval(sums[:, 0], sums[:, 1])
    metric = TruthSkill()
    without = metric.leave_one_out(generated=rows, reference=rows, groups=groups)
    assert found.estimate == pytest.approx(metric(generated=rows, reference=rows))
    count = len(without)
    assert found.standard_error == pytest.approx(
        np.sqrt((count - 1) * np.var(list(without.values())))
    )
    assert found.low < found.estimate < found.high


def test_equal_ratios_have_no_spread() -> None:
    found = ratio_interval([1, 2, 3, 4, 5, 6], [2, 4, 6, 8, 10, 12])
    assert (found.estimate, found.low, found.high) == (0.5, 0.5, 0.5)


@pytest.mark.parametrize("denominators", [[0, 0, 0], [0, 0, 1]])
def test_denominators_of_zero_have_no_interval(denominators: list[float]) -> None:
    found = ratio_interval([0, 0, 1], denominators)
    assert np.isnan(found.low)
    assert np.isnan(found.estimate) == (sum(denominators) == 0)
