"""Intervals: known answers, scipy's, coverage where the truth is known, and the edges."""

import numpy as np
import pytest
from scipy import stats

from longibench.metrics import statistics
from longibench.metrics.fid import frechet_distance
from longibench.metrics.statistics import (
    ENOUGH,
    Interval,
    bootstrap_interval,
    jackknife_interval,
    seed_spread,
    subject_means,
    widened,
)


def simulate(rng: np.random.Generator, subjects: int) -> tuple[np.ndarray, np.ndarray]:
    """Values with mean 0 that differ between subjects, 1 to 5 visits each."""
    groups = np.repeat(np.arange(subjects), rng.integers(1, 6, subjects))
    values = rng.normal(size=subjects)[groups] + 0.3 * rng.normal(size=len(groups))
    return values, groups


def test_every_subject_counts_the_same() -> None:
    means = subject_means([1, 1, 1, 4, np.nan], ["b", "b", "b", "a", "a"])
    assert means.to_dict() == {"a": 4, "b": 1}
    assert bootstrap_interval(means).estimate == 2.5


def test_every_seed_counts_the_same() -> None:
    values, groups, seeds = [1, 3, 5, np.nan], ["a"] * 4, [0, 0, 1, 1]
    assert subject_means(values, groups, seeds)["a"] == 3.5


def test_bootstrap_agrees_with_scipys_percentiles_where_nothing_is_skewed() -> None:
    values = np.random.default_rng(0).normal(size=40)
    found = bootstrap_interval(values)
    expected = stats.bootstrap(
        (values,),
        np.mean,
        n_resamples=9_999,
        method="percentile",
        confidence_level=widened(0.95, 40),
        rng=1,
    )
    assert found.low == pytest.approx(expected.confidence_interval.low, abs=0.03)
    assert found.high == pytest.approx(expected.confidence_interval.high, abs=0.03)
    assert found.standard_error == pytest.approx(expected.standard_error, rel=0.03)


def test_few_subjects_widen_the_level() -> None:
    levels = [widened(0.95, count) for count in (5, 24, 114, 10_000)]
    assert levels == sorted(levels, reverse=True)
    assert levels[-1] == pytest.approx(0.95, abs=1e-4)
    # A normal reach at the widened level is the t interval's, with the bootstrap's n for n - 1.
    assert stats.norm.ppf((1 + levels[1]) / 2) == pytest.approx(
        stats.t.ppf(0.975, 23) * np.sqrt(24 / 23)
    )


def test_bootstrap_leans_towards_a_long_tail() -> None:
    values = np.random.default_rng(0).lognormal(0, 1, 40)
    found = bootstrap_interval(values)
    assert found.high - found.estimate > 1.2 * (found.estimate - found.low)


def test_bootstrap_is_reproducible() -> None:
    values = np.random.default_rng(0).normal(size=20)
    assert bootstrap_interval(values) == bootstrap_interval(values)
    assert bootstrap_interval(values) != bootstrap_interval(values, seed=1)


def test_bootstrap_covers_the_truth_at_114() -> None:
    rng = np.random.default_rng(0)
    intervals = [
        bootstrap_interval(subject_means(*simulate(rng, 114)), resamples=499) for _ in range(500)
    ]
    covered = np.mean([interval.low <= 0 <= interval.high for interval in intervals])
    assert 0.93 <= covered <= 0.97


def test_visits_are_not_independent_subjects() -> None:
    values, groups = simulate(np.random.default_rng(0), 30)
    over_subjects = bootstrap_interval(subject_means(values, groups))
    over_volumes = bootstrap_interval(values)
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


def test_jackknife_of_fid_covers_its_mean_at_this_size_and_not_the_populations() -> None:
    rng = np.random.default_rng(0)
    subjects, dimension, shift = 24, 32, 0.5
    intervals = []
    for _ in range(80):
        real = rng.normal(size=(subjects, dimension))
        made = rng.normal(size=(subjects, dimension)) + shift
        kept = [np.arange(subjects) != subject for subject in range(subjects)]
        without = [frechet_distance(generated=made[k], reference=real[k]) for k in kept]
        whole = frechet_distance(generated=made, reference=real)
        intervals.append(jackknife_interval(whole, without))
    expected = np.mean([interval.estimate for interval in intervals])
    covered = np.mean([interval.low <= expected <= interval.high for interval in intervals])
    assert covered >= 0.88
    population = dimension * shift**2  # equal covariances
    assert all(population < interval.low for interval in intervals)


@pytest.mark.parametrize("count", [ENOUGH, 7, 24, 114])
def test_every_interval_contains_its_estimate(count: int) -> None:
    rng = np.random.default_rng(count)
    for values in (rng.normal(size=count), rng.pareto(1, count), np.full(count, 0.1)):
        without = (values.sum() - values) / (count - 1)
        for interval in (bootstrap_interval(values), jackknife_interval(values.mean(), without)):
            assert interval.low <= interval.estimate <= interval.high
            assert interval.subjects == count


@pytest.mark.parametrize("count", range(1, ENOUGH))
def test_few_subjects_have_no_interval(count: int) -> None:
    values = np.arange(count, dtype=float)
    for interval in (bootstrap_interval(values), jackknife_interval(values.mean(), values)):
        assert interval.estimate == values.mean()
        assert interval.subjects == count
        assert np.isnan([interval.low, interval.high, interval.standard_error]).all()
    assert np.isnan(bootstrap_interval([]).estimate)


def test_an_interval_ends_at_the_smallest_and_largest_possible_values() -> None:
    interval = Interval(1.0, -0.5, 2.5, 0.7, 9)
    assert interval.within(0, None) == Interval(1.0, 0.0, 2.5, 0.7, 9)
    assert interval.within(-1, 2) == Interval(1.0, -0.5, 2.0, 0.7, 9)
    assert interval.within(None, None) == interval
    assert np.isnan(Interval(1.0, np.nan, np.nan, np.nan, 3).within(0, 1).low)


def test_the_smaller_of_two_groups_decides_the_level() -> None:
    values = np.random.default_rng(0).normal(size=40)
    few, all_of_them = bootstrap_interval(values, fewest=8), bootstrap_interval(values)
    assert few.low < all_of_them.low < all_of_them.high < few.high


def test_spread_between_seeds_is_their_standard_deviation() -> None:
    assert seed_spread([1.0, 2.0, 3.0, np.nan]) == 1
    assert np.isnan(seed_spread([1.0, np.nan]))


@pytest.mark.parametrize("count", [ENOUGH, 7, 300])
def test_bootstrap_is_scipys_in_every_bit(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(count).exponential(size=count)
    expected = stats.bootstrap(
        (values,),
        np.mean,
        n_resamples=999,
        confidence_level=widened(0.95, count),
        method="BCa",
        rng=np.random.default_rng(5),
    )
    for kept in (statistics.KEPT, 0):  # indices from before, and generated again
        monkeypatch.setattr(statistics, "KEPT", kept)
        found = bootstrap_interval(values, resamples=999, seed=5)
        assert (found.low, found.high) == tuple(expected.confidence_interval)
        assert found.standard_error == expected.standard_error
