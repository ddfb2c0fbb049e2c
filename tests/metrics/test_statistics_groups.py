"""The difference of two groups: known standard errors, pairing, coverage, and the edges."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from longibench.metrics.statistics import ENOUGH
from longibench.metrics.statistics_groups import group_difference


def values(numbers: np.ndarray, first: int = 0) -> pd.Series:
    return pd.Series(numbers, index=[f"s{first + place:03d}" for place in range(len(numbers))])


def test_groups_of_different_subjects_have_welchs_error() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.normal(1, 1, 30), rng.normal(0, 2, 60)
    found = group_difference(values(one), values(other, 30))
    assert found.estimate == pytest.approx(one.mean() - other.mean())
    error = np.sqrt(one.var() / 30 + other.var() / 60)
    assert found.standard_error == pytest.approx(error, rel=0.03)
    welch = stats.ttest_ind(one, other, equal_var=False).confidence_interval()
    assert found.low == pytest.approx(welch.low, abs=0.15 * error)
    assert found.high == pytest.approx(welch.high, abs=0.15 * error)


def test_the_same_subjects_are_paired() -> None:
    shared = np.random.default_rng(0).normal(size=40)
    later = shared + 0.5 + 0.01 * np.random.default_rng(1).normal(size=40)
    found = group_difference(values(later), values(shared))
    error = (later - shared).std() / np.sqrt(40)
    assert found.standard_error == pytest.approx(error, rel=0.03)
    assert found.low > 0.49


@pytest.mark.parametrize("count", [8, 20])
def test_a_small_group_beside_a_large_one_is_covered(count: int) -> None:
    rng = np.random.default_rng(0)
    hits = []
    for _ in range(200):
        one, other = rng.normal(1, 2, count), rng.normal(0, 1, 60)
        found = group_difference(values(one), values(other, count))
        hits.append(found.low <= 1 <= found.high)
    assert np.mean(hits) >= 0.90


def test_few_subjects_in_a_group_have_no_interval() -> None:
    few, many = values(np.ones(ENOUGH - 1)), values(np.zeros(20), 50)
    for found in (group_difference(few, many), -group_difference(many, few)):
        assert found.estimate == 1
        assert found.subjects == ENOUGH - 1
        assert np.isnan([found.low, found.high]).all()
    assert np.isnan(group_difference(few[:0], many).estimate)


@pytest.mark.parametrize("step", [0.0, 0.05])
def test_an_equal_step_of_all_subjects_has_no_spread(step: float) -> None:
    level = values(np.random.default_rng(0).normal(0.9, 0.01, 24))
    found = group_difference(level + step, level)
    assert found.low == found.estimate == found.high == pytest.approx(step)


def test_the_worst_of_six_equal_groups_is_rarely_worse_with_its_correction() -> None:
    """At 0.95 each, more than one interval of the worst in twenty does not contain 0."""
    rng, groups = np.random.default_rng(0), np.arange(60) % 6
    alarms = np.zeros(2)
    for _ in range(150):
        numbers = values(rng.normal(size=60))
        worst = max(range(6), key=lambda group: numbers[groups == group].mean())
        parts = numbers[groups == worst], numbers[groups != worst]
        alarms += [group_difference(*parts, confidence=1 - 0.05 / k).low > 0 for k in (1, 6)]
    assert alarms[1] / 150 <= 0.05 < alarms[0] / 150
