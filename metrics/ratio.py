"""Metrics that are a ratio of sums over pairs: no small denominator dominates."""

from abc import abstractmethod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from longibench.metrics.metric import Features, MetricError, Scan, SetMetric
from longibench.metrics.statistics import (
    CONFIDENCE,
    ENOUGH,
    RESAMPLES,
    Interval,
    jackknife_interval,
    widened,
)

ROUNDING = 1e-12  # relative to the denominators


class RatioMetric(SetMetric):
    """One value for all volumes: the sum of numerators over the sum of denominators.

    A mean of ratios is dominated by the pairs with the smallest denominators; a ratio of sums is
    not. Numerator and denominator of each pair are kept in the scores, so that the ratio can be
    computed for any part of the pairs too.
    """

    @abstractmethod
    def parts(
        self, scan: Scan, *, reference: Scan, source: Scan, interval_years: float
    ) -> tuple[float, float]:
        """Numerator and denominator of one volume; arguments as of ``measured``."""

    def measured(
        self, *, generated: Scan, reference: Scan, source: Scan, interval_years: float
    ) -> tuple[Features, Features]:
        """Numerator and denominator of both volumes, (2,) each."""
        given: dict[str, Any] = {
            "reference": reference,
            "source": source,
            "interval_years": interval_years,
        }
        return np.array(self.parts(generated, **given)), np.array(self.parts(reference, **given))

    def features(self, scan: Scan, *, source: Scan, interval_years: float) -> Features:
        """Not defined: a volume is measured beside its real follow-up."""
        raise TypeError(f"{self.name} measures pairs: call 'measured'")

    def __call__(self, *, generated: Features, reference: Features) -> float:
        """The ratio over all volumes; that of the reference does not change it.

        Raises:
            MetricError: The denominators sum to zero.
        """
        numerator, denominator = generated.sum(axis=0)
        if denominator == 0:
            raise MetricError("no ratio: its denominators are 0 for all pairs")
        return float(numerator / denominator)


def ratio_interval(numerators: ArrayLike, denominators: ArrayLike) -> Interval:
    """A ratio of sums with its jackknife interval over subjects.

    Args:
        numerators: Sum of each subject's numerators, (n,).
        denominators: Sum of each subject's denominators, (n,).

    Returns:
        NaN where the denominators sum to zero, with or without a subject.
    """
    above, below = np.asarray(numerators, float), np.asarray(denominators, float)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = float(np.divide(above.sum(), below.sum()))
        left_out = (above.sum() - above) / (below.sum() - below)
    if not np.isfinite(value):
        return Interval(np.nan, np.nan, np.nan, np.nan, len(above))
    if not np.isfinite(left_out).all():
        return Interval(value, np.nan, np.nan, np.nan, len(above))
    return jackknife_interval(value, left_out)


def bootstrap_ratio(numerators: ArrayLike, denominators: ArrayLike) -> Interval:
    """A ratio of sums with its bootstrap interval over subjects, by ``scipy.stats.bootstrap``.

    BCa, at the level of ``widened``; numerator and denominator of a subject stay together.

    Args:
        numerators: One of each subject, (n,).
        denominators: One of each subject, (n,).

    Returns:
        Without an interval below ``ENOUGH`` subjects.
    """
    above, below = np.asarray(numerators, float), np.asarray(denominators, float)
    count, value = len(above), float(above.sum() / below.sum())
    if count < ENOUGH:
        return Interval(value, np.nan, np.nan, np.nan, count)
    if np.ptp(above - value * below) <= ROUNDING * np.abs(below).max():  # equal in all resamples
        return Interval(value, value, value, 0.0, count)
    found = stats.bootstrap(
        (above, below),
        lambda a, b, axis: a.sum(axis) / b.sum(axis),
        paired=True,
        n_resamples=RESAMPLES,
        confidence_level=widened(CONFIDENCE, count),
        method="BCa",
        rng=np.random.default_rng(0),
    )
    low, high = found.confidence_interval
    return Interval(
        value, float(min(low, value)), float(max(high, value)), float(found.standard_error), count
    )
