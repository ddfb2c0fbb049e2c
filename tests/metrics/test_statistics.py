"""Intervals: known answers, scipy's, coverage where the truth is known, and the edges."""

import numpy as np
import pytest
from scipy import stats

from metrics.statistics import (
    Interval,
    bootstrap_interval,
    jackknife_interval,
    paired_bootstrap,
    paired_jackknife,
    subject_means,
)


def simulate(rng: np.random.Generator, subjects: int) -> tuple[np.ndarray, np.ndarray]:
    """Values with mean 0 that differ between subjects, 1 to 5 visits each."""
    groups = np.repeat(np.arange(subjects), rng.integers(1, 6, subjects))
    values = rng.normal(size=subjects)[groups] + 0.3 * rng.normal(size=len(groups))
    return values, groups


def test_every_subject_counts_the_same() -> None:
    means = subject_means([1, 1, 1, 4, np.nan], ["b", "b", "b", "a", "a"])
    assert means.to_dict() == {"a": 4, "b": 1}
    assert bootstrap_interval([1, 1, 1, 4], ["b", "b", "b", "a"]).estimate == 2.5


def test_bootstrap_agrees_with_scipy() -> None:
    values = np.random.default_rng(0).gamma(2, size=40)
    found = bootstrap_interval(values, range(40))
    expected = stats.bootstrap((values,), np.mean, n_resamples=10_000, method="percentile", rng=1)
    assert found.low == pytest.approx(expected.confidence_interval.low, abs=0.03)
    assert found.high == pytest.approx(expected.confidence_interval.high, abs=0.03)
    assert found.standard_error == pytest.approx(expected.standard_error, rel=0.03)


def test_bootstrap_is_reproducible() -> None:
    values = np.random.default_rng(0).normal(size=20)
    groups = np.arange(20)
    assert bootstrap_interval(values, groups) == bootstrap_interval(values, groups)
    assert bootstrap_interval(values, groups) != bootstrap_interval(values, groups, seed=1)


def test_bootstrap_covers_the_truth() -> None:
    rng = np.random.default_rng(0)
    intervals = [bootstrap_interval(*simulate(rng, 40), resamples=1000) for _ in range(400)]
    covered = np.mean([interval.low <= 0 <= interval.high for interval in intervals])
    assert 0.91 <= covered <= 0.98


def test_visits_are_not_independent_subjects() -> None:
    values, groups = simulate(np.random.default_rng(0), 30)
    over_subjects = bootstrap_interval(values, groups)
    over_volumes = bootstrap_interval(values, range(len(values)))
    assert over_subjects.standard_error > 1.3 * over_volumes.standard_error


def test_jackknife_of_a_mean_is_its_t_interval() -> None:
    values = np.random.default_rng(0).normal(size=15)
    without = (values.sum() - values) / 14
    found = jackknife_interval(values.mean(), without)
    expected = stats.ttest_1samp(values, 0).confidence_interval()
    assert found.low == pytest.approx(expected.low)
    assert found.high == pytest.approx(expected.high)
    assert found.standard_error == pytest.approx(stats.sem(values))


def test_jackknife_covers_a_variance() -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for values in rng.normal(size=(400, 60)):
        without = [np.var(np.delete(values, i), ddof=1) for i in range(60)]
        interval = jackknife_interval(np.var(values, ddof=1), without)
        covered += interval.low <= 1 <= interval.high
    assert 0.90 <= covered / 400 <= 0.98


@pytest.mark.parametrize("count", [2, 3, 24, 114])
def test_every_interval_contains_its_estimate(count: int) -> None:
    rng = np.random.default_rng(count)
    for values in (rng.normal(size=count), rng.pareto(1, count), np.full(count, 0.1)):
        estimate = values.mean()
        for interval in (
            bootstrap_interval(values, range(count)),
            jackknife_interval(estimate, (values.sum() - values) / max(count - 1, 1)),
            paired_bootstrap(values, values**2, range(count)).difference,
        ):
            assert interval.low <= interval.estimate <= interval.high
            assert interval.subjects == count


def test_one_subject_has_no_interval() -> None:
    unknown = (bootstrap_interval([1.0, 2.0], ["a", "a"]), jackknife_interval(1.5, [1.0]))
    for interval in unknown:
        assert interval.estimate == 1.5
        assert np.isnan([interval.low, interval.high, interval.standard_error]).all()
    assert np.isnan(paired_bootstrap([1.0], [2.0], ["a"]).probability_lower)
    assert np.isnan(paired_jackknife((1, 2), {"a": 1}, {"a": 2}).probability_lower)
    assert np.isnan(bootstrap_interval([np.nan], ["a"]).estimate)


def test_pairing_removes_what_subjects_share() -> None:
    rng = np.random.default_rng(0)
    shared, groups = simulate(rng, 30)
    better = shared + 0.1 + 0.05 * rng.normal(size=len(shared))
    comparison = paired_bootstrap(better, shared, groups)
    assert comparison.difference.low > 0
    assert comparison.probability_better(higher_is_better=True) > 0.99
    assert comparison.probability_better(higher_is_better=False) < 0.01
    assert bootstrap_interval(better, groups).low < bootstrap_interval(shared, groups).high


def test_paired_bootstrap_leaves_out_unpaired_volumes() -> None:
    found = paired_bootstrap([1, 2, np.nan, 4], [0, np.nan, 5, 2], ["a", "a", "b", "c"])
    assert found.difference.estimate == pytest.approx(1.5)
    assert found.difference.subjects == 2


def test_equal_methods_are_a_toss_up() -> None:
    values = np.random.default_rng(0).normal(size=10)
    without = dict(enumerate(values.tolist()))
    assert paired_bootstrap(values, values, range(10)).probability_lower == 0.5
    assert paired_jackknife((3, 3), without, without).probability_lower == 0.5


def test_paired_jackknife_of_means_is_the_paired_t_test() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 12))
    without = [dict(enumerate((v.sum() - v) / 11)) for v in (first, second)]
    found = paired_jackknife((first.mean(), second.mean()), *without)
    test = stats.ttest_rel(first, second, alternative="less")
    # The p-value of "first is lower" is what is left of Student's distribution above zero.
    assert found.probability_lower == pytest.approx(1 - test.pvalue)
    expected = stats.ttest_rel(first, second).confidence_interval()
    assert (found.difference.low, found.difference.high) == pytest.approx(expected)


def test_paired_jackknife_wants_the_same_subjects() -> None:
    with pytest.raises(ValueError, match="same subjects"):
        paired_jackknife((1, 2), {"a": 1, "b": 2}, {"a": 1, "c": 2})


def test_certain_difference() -> None:
    found = paired_jackknife((1, 2), {"a": 1, "b": 1}, {"a": 2, "b": 2})
    assert found.difference == Interval(-1, -1, -1, 0, 2)
    assert found.probability_lower == 1
