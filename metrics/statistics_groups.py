"""Two groups of volumes whose subjects may be the same: the difference of their means."""

from dataclasses import replace

import numpy as np
import pandas as pd

from longibench.metrics.statistics import (
    CONFIDENCE,
    ENOUGH,
    Interval,
    bootstrap_interval,
    without_noise,
)


def group_difference(
    inside: pd.Series, outside: pd.Series, *, confidence: float = CONFIDENCE
) -> Interval:
    """The mean of one group minus that of another, with a bootstrap interval over subjects.

    A subject may have volumes in both groups, as with strata by interval, so that the groups
    cannot be resampled apart. The difference is linearised: each subject contributes its own part
    of both means, and the mean of the contributions, which is the difference itself, is
    bootstrapped over all subjects (Efron and Tibshirani 1993, chapter 21).

    Args:
        inside: One value a subject, indexed by subject.
        outside: The other group's.
        confidence: Coverage, such as 0.95.

    Returns:
        Without bounds if a group has fewer than ``ENOUGH`` subjects. The level is widened for the
        smaller group. ``subjects`` counts those of the smaller group.
    """
    difference = float(inside.mean() - outside.mean()) if len(inside) and len(outside) else np.nan
    fewest = min(len(inside), len(outside))
    if fewest < ENOUGH:
        return Interval(difference, np.nan, np.nan, np.nan, fewest)
    subjects = inside.index.union(outside.index)
    apart = _parts(inside, subjects) - _parts(outside, subjects)
    parts = without_noise(difference + apart.to_numpy(), np.concatenate([inside, outside]))
    found = bootstrap_interval(parts, confidence=confidence, fewest=fewest)
    return replace(found, subjects=fewest)


def _parts(values: pd.Series, subjects: pd.Index) -> pd.Series:
    """What each of all subjects adds to the mean of a group: 0 for those that are not in it."""
    share = len(values) / len(subjects)
    return ((values - values.mean()) / share).reindex(subjects, fill_value=0.0)
