"""Intervals over subjects, and how surely one method is better than another.

Volumes of one subject are alike, so subjects and not volumes are what chance draws.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

CONFIDENCE = 0.95
RESAMPLES = 10_000


@dataclass(frozen=True)
class Interval:
    """An estimate and its confidence interval, in the unit of the metric.

    Attributes:
        estimate: The value; always within the bounds.
        low: Lower bound; NaN with fewer than two subjects.
        high: Upper bound; NaN with fewer than two subjects.
        standard_error: Of the estimate; NaN with fewer than two subjects.
        subjects: How many the interval rests on.
    """

    estimate: float
    low: float
    high: float
    standard_error: float
    subjects: int


@dataclass(frozen=True)
class Comparison:
    """Two methods on the same subjects.

    Attributes:
        difference: First minus second.
        probability_lower: How surely the first method's value is the lower one, in [0, 1]: 0.5
            says nothing, NaN with fewer than two subjects. The share of resamples (bootstrap) or
            of Student's distribution (jackknife) below zero.
    """

    difference: Interval
    probability_lower: float

    def probability_better(self, *, higher_is_better: bool) -> float:
        """How surely the first method is better, in [0, 1]."""
        return 1 - self.probability_lower if higher_is_better else self.probability_lower


def subject_means(values: ArrayLike, groups: Sequence[str]) -> pd.Series:
    """Mean of each subject's values; a missing value is left out.

    Args:
        values: One value a volume, (N,).
        groups: The subject of each, (N,).

    Returns:
        The means by subject, sorted.
    """
    table = pd.DataFrame({"value": np.asarray(values, float), "group": np.asarray(groups)})
    return table.dropna().groupby("group")["value"].mean()


def bootstrap_interval(
    values: ArrayLike,
    groups: Sequence[str],
    *,
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """Percentile bootstrap over subjects of the mean of subject means.

    Efron and Tibshirani 1993, An Introduction to the Bootstrap, chapter 13. Every subject counts
    the same, however many visits it has.

    Args:
        values: One value a volume, (N,); missing ones are left out.
        groups: The subject of each, (N,).
        confidence: Coverage, such as 0.95.
        resamples: How often the subjects are drawn anew.
        seed: The same seed gives the same interval.
    """
    means = subject_means(values, groups).to_numpy()
    return _percentile_interval(means, _resampled_means(means, resamples, seed), confidence)


def paired_bootstrap(
    first: ArrayLike,
    second: ArrayLike,
    groups: Sequence[str],
    *,
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Comparison:
    """Percentile bootstrap over subjects of the mean difference of two methods.

    Args:
        first: One value a volume of the first method, (N,).
        second: The second method's values of the same volumes, (N,). A volume without a value in
            either method is left out of both.
        groups: The subject of each volume, (N,).
        confidence: Coverage, such as 0.95.
        resamples: How often the subjects are drawn anew.
        seed: The same seed gives the same result.
    """
    means = subject_means(np.asarray(first, float) - np.asarray(second, float), groups).to_numpy()
    drawn = _resampled_means(means, resamples, seed)
    lower = np.mean(drawn < 0) + np.mean(drawn == 0) / 2 if len(drawn) else np.nan
    return Comparison(_percentile_interval(means, drawn, confidence), float(lower))


def jackknife_interval(
    estimate: float, leave_out_values: ArrayLike, *, confidence: float = CONFIDENCE
) -> Interval:
    """Delete-one-subject jackknife: the estimate and Student's t times its standard error.

    Efron and Tibshirani 1993, An Introduction to the Bootstrap, chapter 11; n - 1 degrees of
    freedom. For set metrics such as FID, whose bootstrap repeats subjects, lowers the rank of the
    covariance and misses its own estimate.

    Args:
        estimate: The value on all subjects.
        leave_out_values: The value without each subject, (n,).
        confidence: Coverage, such as 0.95.
    """
    values = np.asarray(leave_out_values, float)
    count = len(values)
    if count < 2:
        return Interval(float(estimate), np.nan, np.nan, np.nan, count)
    error = float(np.sqrt((count - 1) * np.var(values)))
    reach = float(stats.t.ppf((1 + confidence) / 2, count - 1)) * error
    return Interval(float(estimate), estimate - reach, estimate + reach, error, count)


def paired_jackknife(
    estimates: tuple[float, float],
    first: Mapping[str, float],
    second: Mapping[str, float],
    *,
    confidence: float = CONFIDENCE,
) -> Comparison:
    """Delete-one-subject jackknife of the difference of two methods' set metric.

    Args:
        estimates: The first and the second method's value on all subjects.
        first: The first method's value without each subject.
        second: The second method's; the same subjects.
        confidence: Coverage, such as 0.95.

    Raises:
        ValueError: The subjects differ, so that nothing is paired.
    """
    if first.keys() != second.keys():
        raise ValueError("a paired comparison needs the same subjects for both methods")
    without = np.array([first[subject] - second[subject] for subject in first])
    difference = jackknife_interval(estimates[0] - estimates[1], without, confidence=confidence)
    return Comparison(difference, _student_below_zero(difference))


def _resampled_means(means: NDArray[np.float64], resamples: int, seed: int) -> NDArray[np.float64]:
    """Means of resampled subjects, (resamples,); empty where there is nothing to resample."""
    if len(means) < 2:
        return np.empty(0)
    drawn = np.random.default_rng(seed).integers(len(means), size=(resamples, len(means)))
    return np.asarray(means[drawn].mean(axis=1))


def _percentile_interval(
    means: NDArray[np.float64], drawn: NDArray[np.float64], confidence: float
) -> Interval:
    estimate = float(means.mean()) if len(means) else np.nan
    if not len(drawn):
        return Interval(estimate, np.nan, np.nan, np.nan, len(means))
    low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
    # Equal values can differ from their mean in the last bit.
    bounds = min(float(low), estimate), max(float(high), estimate)
    return Interval(estimate, *bounds, float(drawn.std(ddof=1)), len(means))


def _student_below_zero(difference: Interval) -> float:
    if difference.standard_error == 0:
        return float(0.5 - 0.5 * np.sign(difference.estimate))
    ratio = -difference.estimate / difference.standard_error
    return float(stats.t.cdf(ratio, max(difference.subjects - 1, 1)))
