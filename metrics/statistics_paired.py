"""Two methods on the same subjects: difference, test, and share of subjects improved."""

import gc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pandas as pd
from scipy import stats

from longibench.metrics.statistics import (
    CONFIDENCE,
    ENOUGH,
    RESAMPLES,
    Array,
    Interval,
    bootstrap_interval,
    jackknife_interval,
    without_noise,
)

Values = TypeVar("Values", pd.Series, Array)

LEVEL = 0.05  # of a p after Holm's correction, below which two methods differ


@dataclass(frozen=True)
class Comparison:
    """Two methods on the same subjects.

    Attributes:
        difference: First minus second; of a metric with a best value, of the distances from it.
        p_value: Of the hypothesis of no difference, two-sided, in [0, 1]; NaN with fewer than
            ``ENOUGH`` subjects. Wilcoxon's signed-rank test on subjects' differences, or for set
            metrics, which have no value per subject, Student's t of the jackknife.
        share_lower: The share of the subjects for which the first method's value is the lower (or
            nearer to the best) one, ties counted half; in [0, 1], NaN for set metrics. It is the
            probability of improvement on a subject, not of a better mean.
    """

    difference: Interval
    p_value: float
    share_lower: float = float("nan")

    def share_better(self, *, higher_is_better: bool) -> float:
        """The share of the subjects for which the first method is better, in [0, 1]."""
        return 1 - self.share_lower if higher_is_better else self.share_lower


def compare_means(
    first: pd.Series,
    second: pd.Series,
    *,
    best: float | None = None,
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Comparison:
    """Compare subject means: bootstrap of the mean difference, Wilcoxon's test, share of subjects.

    Args:
        first: Means by subject of the first method, see ``subject_means``.
        second: The second method's; subjects of only one method are ignored.
        best: The ideal value, if distance from it counts. The sign of each method's values is then
            chosen so that its mean is above ``best``: the mean difference is that of the means'
            distances.
        confidence: Coverage, such as 0.95.
        resamples: Number of resamples of the subjects.
        seed: The same seed gives the same result.
    """
    both = _paired(first, second)
    differences = _differences(both, best)
    nearness = both if best is None else np.abs(both - best)
    return Comparison(
        difference=bootstrap_interval(
            differences, confidence=confidence, resamples=resamples, seed=seed
        ),
        p_value=_wilcoxon(differences),
        share_lower=_share_below(without_noise(nearness[0] - nearness[1], both)),
    )


def mean_difference(first: pd.Series, second: pd.Series, *, best: float | None = None) -> float:
    """The estimate that ``compare_means`` has, alone; NaN without a common subject."""
    differences = _differences(_paired(first, second), best)
    return float(differences.mean()) if len(differences) else float("nan")


def p_of_means(
    first: pd.Series, second: pd.Series, *, best: float | None = None, by_ranks: bool = True
) -> float:
    """The p-value of ``compare_means`` alone, or Student's t of the mean difference.

    Args:
        first: A value by subject, whose mean is the first method's.
        second: The second method's; subjects of only one method are ignored.
        best: The ideal value, if distance from it counts.
        by_ranks: Wilcoxon's test. Student's t is for values that are the contributions to a mean.
    """
    differences = _differences(_paired(first, second), best)
    if by_ranks or len(differences) < ENOUGH or not np.ptp(differences):
        return _wilcoxon(differences)
    return float(stats.ttest_1samp(differences, 0).pvalue)


def compare_leave_outs(
    estimates: tuple[float, float],
    first: Mapping[str, float],
    second: Mapping[str, float],
    *,
    best: float | None = None,
    confidence: float = CONFIDENCE,
) -> Comparison:
    """Delete-one-subject jackknife of the difference of two methods' set metric.

    Args:
        estimates: The first and the second method's value on all subjects.
        first: The first method's value without each subject.
        second: The second method's; the same subjects.
        best: The ideal value, if distance from it counts.
        confidence: Coverage, such as 0.95.

    Raises:
        ValueError: The subjects differ, so that nothing is paired.
    """
    if first.keys() != second.keys():
        raise ValueError("a paired comparison needs the same subjects for both methods")
    whole = np.array(estimates, float)
    without = np.array([[first[subject], second[subject]] for subject in first]).reshape(-1, 2)
    if best is not None:
        sides = _sides(whole, best)
        whole, without = sides * (whole - best), sides * (without - best)
    every = np.vstack([whole, without])
    estimate, *left_out = without_noise(every[:, 0] - every[:, 1], every)
    difference = jackknife_interval(float(estimate), left_out, confidence=confidence)
    return Comparison(difference, _student(difference))


def compare_trainings(first: Sequence[float], second: Sequence[float]) -> float:
    """Two-sided p-value of no difference between the means over training seeds: Welch's t test.

    Trainings of two methods are independent, also of equal seeds. A test over subjects does not
    contain their spread: it compares the volumes of the trainings at hand.

    Args:
        first: The first method's value of each training seed, over all subjects.
        second: The second method's.

    Returns:
        NaN if a method has fewer than two seeds, or if all values are equal.
    """
    known = [values[~np.isnan(values)] for values in (np.array(first), np.array(second))]
    if min(map(len, known)) < 2:
        return float("nan")
    one, other = ((values.mean(), values.std(ddof=1), len(values)) for values in known)
    return float(stats.ttest_ind_from_stats(*one, *other, equal_var=False).pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values for multiple comparisons, by statsmodels.

    Holm 1979, Scandinavian Journal of Statistics 6, 65: the chance of any false difference among
    all comparisons stays below the level.

    Args:
        p_values: Of one family of comparisons; NaN if there is no test.

    Returns:
        In the same order; NaN stays NaN and does not count as a test.
    """
    from statsmodels.stats.multitest import multipletests  # slow to import (0.2 s), rarely needed

    adjusted: Array = np.array(p_values, float)
    known = ~np.isnan(adjusted)
    if known.any():
        gc.freeze()  # multipletests collects garbage first: half a second where torch is loaded
        try:
            adjusted[known] = multipletests(adjusted[known], method="holm")[1]
        finally:
            gc.unfreeze()
    return [float(value) for value in adjusted]


def _paired(first: pd.Series, second: pd.Series) -> Array:
    """The values of common subjects, (2, n)."""
    return pd.concat([first, second], axis=1, join="inner").dropna().to_numpy(float).T


def distances(values: Values, best: float | None) -> Values:
    """Values, or with an ideal value those whose mean is the distance of their mean from it."""
    if best is None or not len(values):
        return values
    return (values - best) * (1.0 if values.mean() >= best else -1.0)


def _differences(both: Array, best: float | None) -> Array:
    """Differences (n,) that count: of the values (2, n), or of their signed distances from best."""
    left, right = (distances(values, best) for values in both)
    return without_noise(left - right, both)


def _sides(estimates: Array, best: float) -> Array:
    """1 for a method at or above the best value, -1 for one below it."""
    return np.where(estimates >= best, 1.0, -1.0)


def _wilcoxon(differences: Array) -> float:
    """Two-sided p-value; ties with zero are dropped, as Wilcoxon did."""
    if len(differences) < ENOUGH:
        return float("nan")
    if not differences.any():
        return 1.0
    return float(stats.wilcoxon(differences).pvalue)


def _share_below(differences: Array) -> float:
    """Share of values below zero, zeros counted half."""
    if not len(differences):
        return float("nan")
    return float(np.mean(differences < 0) + np.mean(differences == 0) / 2)


def _student(difference: Interval) -> float:
    """Two-sided p-value of a difference over its standard error."""
    if difference.subjects < ENOUGH:
        return float("nan")
    if not difference.standard_error > 0:
        return float(difference.estimate == 0)
    ratio = abs(difference.estimate) / difference.standard_error
    return float(2 * stats.t.sf(ratio, difference.subjects - 1))
