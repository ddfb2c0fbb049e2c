"""Estimates with intervals over subjects.

Volumes of one subject are correlated, so subjects, not volumes, are the sampling unit. The measured
coverage of each interval is in ``docs/statistics.md``.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from types import SimpleNamespace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

Array = NDArray[np.float64]

CONFIDENCE = 0.95
# The smallest two-sided p of Wilcoxon's signed-rank test is 2 / 2^n: 0.063 with 5 subjects, 0.031
# with 6. A bootstrap of fewer has under a thousand different resamples.
ENOUGH = 6  # subjects for an interval or a p
WIDEST = 0.9999  # below 1, at which quantiles are not finite
RESAMPLES = 9_999  # with the estimate itself a round number, so that quantiles are resamples
DIGITS = 10  # of the largest value: differences beyond them are errors of floating-point numbers
AT_ONCE = 2**16  # values in a batch of resamples: half a megabyte, which stays in a core's cache
KEPT = 2**27  # most indices that are kept for the next sample of the same size: 268 MB


@dataclass(frozen=True)
class Interval:
    """An estimate and its confidence interval, in the unit of the metric.

    Attributes:
        estimate: The value; always within the bounds.
        low: Lower bound; NaN with fewer than ``ENOUGH`` subjects.
        high: Upper bound; NaN with fewer than ``ENOUGH`` subjects.
        standard_error: Of the estimate; NaN with fewer than ``ENOUGH`` subjects.
        subjects: Number of subjects that the interval is based on.
    """

    estimate: float
    low: float
    high: float
    standard_error: float
    subjects: int

    def __neg__(self) -> "Interval":
        """That of the difference in the other direction."""
        return replace(self, estimate=-self.estimate, low=-self.high, high=-self.low)

    def within(self, minimum: float | None, maximum: float | None) -> "Interval":
        """The interval without values that are not possible; None for a bound that is not there.

        A jackknife interval is symmetric, and so may reach below the zero of a distance.
        """
        least = -np.inf if minimum is None else minimum
        most = np.inf if maximum is None else maximum
        low, high = np.clip([self.low, self.high], least, most)
        return replace(self, low=float(low), high=float(high))


def subject_means(
    values: ArrayLike, groups: ArrayLike, seeds: ArrayLike | None = None
) -> pd.Series:
    """Mean of each subject's values; missing values are ignored.

    Args:
        values: One value per volume, (N,).
        groups: The subject of each, (N,), names or numbers.
        seeds: The training seed of each, (N,). With several, a subject's mean is that of its
            means for each seed, so that all seeds have equal weight.

    Returns:
        The means by subject, sorted.
    """
    group = np.asarray(groups)
    seed = np.zeros(len(group)) if seeds is None else np.asarray(seeds)
    table = pd.DataFrame({"value": np.asarray(values, float), "group": group, "seed": seed})
    table = table.dropna(subset=["value"])
    return table.groupby(["group", "seed"])["value"].mean().groupby("group").mean()


def bootstrap_interval(
    means: ArrayLike,
    *,
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
    seed: int = 0,
    fewest: int | None = None,
) -> Interval:
    """Bootstrap over subjects of the mean of subject means, by ``scipy.stats.bootstrap``.

    BCa, bias-corrected and accelerated (Efron 1987, doi:10.1080/01621459.1987.10478410): if
    subject means are skewed it covers the truth slightly more often than percentiles. Its level is
    widened for few subjects, see ``widened``.

    Args:
        means: One value per subject, (n,), see ``subject_means``.
        confidence: Coverage, such as 0.95.
        resamples: Number of resamples of the subjects.
        seed: The same seed gives the same interval.
        fewest: Subjects in the smaller of two groups whose difference is estimated, which decides
            how much the level is widened; by default all.
    """
    values = np.asarray(means, float)
    count = len(values)
    estimate = float(values.mean()) if count else np.nan
    if count < ENOUGH:
        return Interval(estimate, np.nan, np.nan, np.nan, count)
    if np.ptp(values) == 0:  # BCa is undefined if all resamples are the same
        return Interval(estimate, estimate, estimate, 0.0, count)
    found = stats.bootstrap(
        (values,),
        np.mean,
        n_resamples=0,  # scipy generates the same indices again for every sample
        bootstrap_result=SimpleNamespace(
            bootstrap_distribution=_resampled_means(values, resamples, seed)
        ),
        confidence_level=widened(confidence, fewest or count),
        batch=_batch(count),
        method="BCa",
    )
    low, high = found.confidence_interval
    # Nearly equal values can differ from their mean in the last bit.
    bounds = float(np.fmin(low, estimate)), float(np.fmax(high, estimate))
    return Interval(estimate, *bounds, float(found.standard_error), count)


def _resampled_means(values: Array, resamples: int, seed: int) -> Array:
    """The mean of each resample, (resamples,), equal to scipy's in every bit."""
    given = len(values), resamples, seed
    indices = _kept_indices(*given) if len(values) * resamples <= KEPT else _indices(*given)
    return np.concatenate([values.take(rows).mean(axis=-1) for rows in indices])


@lru_cache(maxsize=4)
def _kept_indices(count: int, resamples: int, seed: int) -> tuple[NDArray[np.unsignedinteger], ...]:
    """All batches of ``_indices``: a report has thousands of samples of very few sizes."""
    return tuple(_indices(count, resamples, seed))


def _indices(count: int, resamples: int, seed: int) -> Iterator[NDArray[np.unsignedinteger]]:
    """Indices of the values in each resample, in batches, (batch, count)."""
    rng, batch = np.random.default_rng(seed), _batch(count)
    smallest = np.min_scalar_type(count - 1)
    for done in range(0, resamples, batch):
        rows = min(batch, resamples - done)
        yield rng.integers(0, count, (rows, count)).astype(smallest)


def _batch(count: int) -> int:
    return max(1, AT_ONCE // count)


def widened(confidence: float, subjects: int) -> float:
    """The level at which a bootstrap of few subjects has the nominal coverage.

    A bootstrap uses the spread of the sample for that of the population, without the n - 1 and
    Student's t of a t interval. Hesterberg 2015, doi:10.1080/00031305.2015.1089789: the
    expanded percentile interval. At 24 subjects 0.95 becomes 0.965, at 114 0.953.
    """
    reach = np.sqrt(subjects / (subjects - 1)) * stats.t.ppf((1 + confidence) / 2, subjects - 1)
    return min(float(1 - 2 * stats.norm.cdf(-reach)), WIDEST)


def jackknife_interval(
    estimate: float, leave_out_values: ArrayLike, *, confidence: float = CONFIDENCE
) -> Interval:
    """Delete-one-subject jackknife: the estimate and Student's t times its standard error.

    Efron and Tibshirani 1993, An Introduction to the Bootstrap, chapter 11; n - 1 degrees of
    freedom. For set metrics such as FID, whose bootstrap repeats subjects, lowers the rank of the
    covariance and does not contain its own estimate. It is an interval for the mean of the metric
    at this number of subjects, which for FID is above its value for the whole population.

    Args:
        estimate: The value on all subjects.
        leave_out_values: The value without each subject, (n,).
        confidence: Coverage, such as 0.95.
    """
    values = np.asarray(leave_out_values, float)
    count = len(values)
    if count < ENOUGH:
        return Interval(float(estimate), np.nan, np.nan, np.nan, count)
    error = float(np.sqrt((count - 1) * np.var(values)))
    reach = float(stats.t.ppf((1 + confidence) / 2, count - 1)) * error
    return Interval(float(estimate), estimate - reach, estimate + reach, error, count)


def without_noise(differences: Array, values: Array) -> Array:
    """Differences rounded at a small share of the values that they are of.

    Without it two equal subjects differ by the last bit, which Wilcoxon's test ranks and the share
    of subjects counts. The values' own size sets the place, so that a unit of 1e-9 or 1e6 changes
    nothing; rounding each value before would make ties of values that differ.

    Args:
        differences: Any shape.
        values: What they were computed from, any shape.
    """
    largest = np.max(np.abs(values), initial=0.0)
    if not 0 < largest < np.inf:
        return differences
    return np.asarray(differences.round(DIGITS - math.ceil(math.log10(largest))))


def seed_spread(by_seed: Sequence[float]) -> float:
    """Standard deviation between training seeds: the effect of retraining.

    It is separate from the interval over subjects, which describes the effect of other subjects.

    Args:
        by_seed: The value of each training seed, over all subjects, (s,).

    Returns:
        With s - 1 in the denominator; NaN with fewer than two seeds.
    """
    values = np.asarray(by_seed, float)
    values = values[~np.isnan(values)]
    return float(values.std(ddof=1)) if len(values) > 1 else float("nan")
