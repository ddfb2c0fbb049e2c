"""Paired comparisons: known answers, scipy's and statsmodels', false alarms, and the edges."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from longibench.metrics.statistics import ENOUGH, Interval, bootstrap_interval
from longibench.metrics.statistics_paired import (
    LEVEL,
    compare_leave_outs,
    compare_means,
    compare_trainings,
    holm,
    p_of_means,
)

SUBJECTS = [f"s{i}" for i in range(30)]


def means(values: np.ndarray | list[float]) -> pd.Series:
    return pd.Series(values, index=SUBJECTS[: len(values)], dtype=float)


def test_pairing_removes_what_subjects_share() -> None:
    rng = np.random.default_rng(0)
    shared = rng.normal(size=30)
    better = shared + 0.1 + 0.05 * rng.normal(size=30)
    found = compare_means(means(better), means(shared))
    assert found.difference.low > 0
    assert found.p_value < 0.001
    assert bootstrap_interval(better).low < bootstrap_interval(shared).high


def test_test_is_scipys_wilcoxon() -> None:
    first, second = np.random.default_rng(0).normal(size=(2, 20))
    found = compare_means(means(first), means(second))
    assert found.p_value == pytest.approx(stats.wilcoxon(first, second).pvalue)


def test_a_p_alone_is_that_of_the_comparison_or_students_t() -> None:
    first, second = np.random.default_rng(0).normal(size=(2, 20))
    one, other = means(first), means(second)
    assert p_of_means(one, other) == compare_means(one, other).p_value
    assert p_of_means(one, other, best=0.2) == compare_means(one, other, best=0.2).p_value
    paired = stats.ttest_rel(first, second).pvalue
    assert p_of_means(one, other, by_ranks=False) == pytest.approx(paired)
    assert p_of_means(one, one, by_ranks=False) == 1
    assert np.isnan(p_of_means(one[: ENOUGH - 1], other, by_ranks=False))


def test_equal_methods_are_seldom_called_different() -> None:
    rng = np.random.default_rng(0)
    pairs = rng.normal(size=(500, 2, 30))
    p_values = [compare_means(means(a), means(b), resamples=9).p_value for a, b in pairs]
    assert 0.02 <= np.mean(np.array(p_values) < 0.05) <= 0.08


def test_share_of_subjects_counts_ties_half() -> None:
    found = compare_means(means([1, 1, 1, 1]), means([2, 2, 1, 0]))
    assert found.share_lower == 0.625
    assert found.share_better(higher_is_better=True) == 0.375


def test_better_on_most_subjects_is_not_a_better_mean() -> None:
    found = compare_means(means([1, 1, 1, 9]), means([2, 2, 2, 2]))
    assert found.share_lower == 0.75
    assert found.difference.estimate == 1


def test_distance_from_the_best_value_counts() -> None:
    low = means([-3.0, -2.0, -1.0, -2.0])
    high = means([1.5, 0.5, 1.0, 1.0])
    found = compare_means(low, high, best=0)
    assert found.difference.estimate == pytest.approx(2 - 1)
    assert found.share_lower == 0.125  # one tie
    moved = compare_means(low + 5, high + 5, best=5)
    assert moved.difference == found.difference


def test_equally_biased_methods_are_seldom_called_different() -> None:
    rng = np.random.default_rng(0)
    pairs = rng.normal(size=(300, 2, 30))
    found = [compare_means(means(a), means(b), best=0, resamples=9).p_value for a, b in pairs]
    assert np.mean(np.array(found) < 0.05) <= 0.07


def test_subjects_of_one_method_are_left_out() -> None:
    found = compare_means(means([1, 2, np.nan, 4]), means([0, 0, 5]))
    assert found.difference.estimate == pytest.approx(1.5)
    assert found.difference.subjects == 2


def test_equal_methods_do_not_differ() -> None:
    values = means(np.random.default_rng(0).normal(size=10))
    without = dict(enumerate(values.tolist()))
    for found in (compare_means(values, values), compare_leave_outs((3, 3), without, without)):
        assert found.difference.estimate == 0
        assert found.p_value == 1


@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e6])
def test_noise_makes_ties_and_a_small_difference_none_whatever_the_unit(unit: float) -> None:
    values = unit * (1 + np.arange(12) / 7)
    noise = values * np.where(np.arange(12) % 2, 1 + 4e-16, 1 - 4e-16)
    assert (noise != values).any()
    equal = compare_means(means(noise), means(values))
    assert (equal.p_value, equal.share_lower) == (1, 0.5)
    assert equal.difference.low == equal.difference.high == 0
    lower = compare_means(means(values - 1e-7 * unit), means(values))
    assert (lower.p_value, lower.share_lower) == (2 / 2**12, 1)


@pytest.mark.parametrize("unit", [1e-9, 1e6])
def test_a_unit_changes_neither_test_nor_share(unit: float) -> None:
    first, second = np.random.default_rng(0).normal(size=(2, 20))
    plain = compare_means(means(first), means(second), best=0.1)
    scaled = compare_means(means(unit * first), means(unit * second), best=0.1 * unit)
    assert scaled.p_value == plain.p_value
    assert scaled.share_lower == plain.share_lower
    assert scaled.difference.low / unit == pytest.approx(plain.difference.low)


def test_equal_sizes_of_differences_are_tied_ranks() -> None:
    first = means([0.3, 0.6, 0.7, 0.9, 1.1, 0.2, 0.4])
    second = means([0.2, 0.5, 0.6, 1.0, 1.0, 0.1, 0.3])  # 0.1 each, as floats seven numbers
    signs = [1, 1, 1, -1, 1, 1, 1]
    assert compare_means(first, second).p_value == stats.wilcoxon(signs).pvalue


@pytest.mark.parametrize("count", range(ENOUGH))
@pytest.mark.parametrize("best", [None, 0.0])
def test_too_few_subjects_have_no_test_and_no_interval(count: int, best: float | None) -> None:
    values = means(np.arange(count, dtype=float))
    found = compare_means(values, values + 1, best=best)
    few = compare_leave_outs((1, 2), dict(values), dict(values), best=best)
    for one in (found, few):
        assert one.difference.subjects == count
        assert np.isnan([one.difference.low, one.difference.high, one.p_value]).all()


def test_enough_subjects_are_the_fewest_that_can_differ() -> None:
    def smallest(count: int) -> float:
        return float(stats.wilcoxon(np.arange(1, count + 1)).pvalue)

    assert smallest(ENOUGH - 1) > LEVEL > smallest(ENOUGH)
    values = means(np.arange(ENOUGH))
    assert compare_means(values, values + 1).p_value == smallest(ENOUGH)


def test_leave_outs_of_means_give_the_paired_t_test() -> None:
    first, second = np.random.default_rng(0).normal(size=(2, 12))
    without = [dict(enumerate((v.sum() - v) / 11)) for v in (first, second)]
    found = compare_leave_outs((first.mean(), second.mean()), *without)
    test = stats.ttest_rel(first, second)
    assert found.p_value == pytest.approx(test.pvalue)
    expected = test.confidence_interval()
    assert (found.difference.low, found.difference.high) == pytest.approx(expected)


def test_leave_outs_by_distance_from_the_best_value() -> None:
    without = dict(zip("abcdef", (-2, -4, -3, -3, -2, -4), strict=True))
    found = compare_leave_outs((-3, 1), without, dict.fromkeys("abcdef", 1), best=0)
    assert found.difference.estimate == 2
    assert found.difference.standard_error == pytest.approx(np.sqrt(5 * 4 / 6))


@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e6])
def test_noise_of_floating_point_numbers_is_no_difference_of_set_metrics(unit: float) -> None:
    first = dict(zip("abcdefgh", unit * np.linspace(1, 2, 8), strict=True))
    second = {subject: value * (1 + 1e-14) for subject, value in first.items()}
    found = compare_leave_outs((1.5 * unit, 1.5 * unit * (1 + 1e-14)), first, second)
    assert (found.difference.estimate, found.p_value) == (0, 1)


def test_trainings_are_compared_by_welchs_test() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=3), rng.normal(1, 2, size=4)
    expected = stats.ttest_ind(first, second, equal_var=False).pvalue
    assert compare_trainings(first, second) == pytest.approx(expected)
    assert compare_trainings([*first, np.nan], second) == pytest.approx(expected)
    assert compare_trainings([1, 1], [2, 2]) == 0
    assert np.isnan([compare_trainings([1], [2, 3]), compare_trainings([1, 1], [1, 1])]).all()


def test_equal_methods_of_three_trainings_are_rarely_different() -> None:
    """A difference beyond one standard deviation between trainings is not enough: 16% have it."""
    pairs = np.random.default_rng(0).normal(size=(2_000, 2, 3))
    assert np.mean([compare_trainings(*pair) < LEVEL for pair in pairs]) < LEVEL
    spreads = np.hypot(*pairs.std(axis=2, ddof=1).T)
    beyond = np.abs(np.diff(pairs.mean(axis=2))[:, 0]) > spreads
    assert np.mean(beyond) > 0.1


def test_leave_outs_want_the_same_subjects() -> None:
    with pytest.raises(ValueError, match="same subjects"):
        compare_leave_outs((1, 2), {"a": 1, "b": 2}, {"a": 1, "c": 2})


def test_certain_difference() -> None:
    found = compare_leave_outs((1, 2), dict.fromkeys("abcdef", 1), dict.fromkeys("abcdef", 2))
    assert found.difference == Interval(-1, -1, -1, 0, 6)
    assert found.p_value == 0


def test_holm_multiplies_the_smallest_by_their_number() -> None:
    assert holm([0.01, 0.04, np.nan, 0.03])[:2] == pytest.approx([0.03, 0.06])
    assert np.isnan(holm([0.01, np.nan])[1])
    assert holm([]) == []
