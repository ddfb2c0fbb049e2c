"""Which methods of a column cannot be distinguished: their letters, and the leading group."""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

import pandas as pd

from longibench.metrics.compact_letters import compact_letters
from longibench.metrics.statistics_paired import LEVEL, holm, p_of_means
from longibench.reports.model.metric_facts import MetricFacts
from longibench.reports.model.results import Entry
from longibench.reports.tables.comparisons import Compared

LETTERS = (
    "Letters: methods that share one cannot be distinguished (paired tests over subjects, p at "
    f"least {LEVEL:g} after Holm's correction within the metric, of the trainings at hand); the "
    "best has the letter a."
)
BOLD = "Bold: the best and all that share a letter with it, unless those are all methods."


def letters(
    metric: MetricFacts, ranked: Sequence[Entry], compared: Iterable[Compared]
) -> dict[Entry, str]:
    """The letters of each method.

    Args:
        metric: The column's.
        ranked: Its methods, the best first.
        compared: All comparisons of the report. Two methods that no test compared are not
            distinguished.

    Returns:
        Nothing if there is no test at all, as with too few subjects.
    """
    place = {entry: number for number, entry in enumerate(ranked)}
    tested = [
        one
        for one in compared
        if one.metric == metric and {one.better, one.worse} <= place.keys()
        if not math.isnan(one.adjusted)
    ]
    if not tested:
        return {}
    different = [(place[one.better], place[one.worse]) for one in tested if one.differs]
    return dict(zip(ranked, compact_letters(len(ranked), different), strict=True))


def letters_within(metric: MetricFacts, means: Mapping[Entry, pd.Series]) -> dict[Entry, str]:
    """The letters of each method from paired tests of a part of the subjects.

    Args:
        metric: By what.
        means: A value by subject, whose mean is the method's value, of each method.

    Returns:
        Nothing if there is no test, as with too few subjects.
    """
    ranked = sorted(means, key=lambda entry: metric.badness(float(means[entry].mean())))
    pairs = list(combinations(range(len(ranked)), 2))
    tested = [
        p_of_means(
            means[ranked[one]], means[ranked[other]], best=metric.best, by_ranks=metric.by_subject
        )
        for one, other in pairs
    ]
    if all(map(math.isnan, tested)):
        return {}
    different = [pair for pair, p in zip(pairs, holm(tested), strict=True) if p < LEVEL]
    return dict(zip(ranked, compact_letters(len(ranked), different), strict=True))


def leading(found: Mapping[Entry, str]) -> set[Entry]:
    """The best and those that cannot be distinguished from it; nobody if those are all.

    Args:
        found: Letters, the best first.
    """
    best = set(next(iter(found.values()), ""))
    group = {entry for entry, its in found.items() if best & set(its)}
    return group if len(group) < len(found) else set()
