"""Times of a cohort's scans, and pairs under the rule."""

import math
from collections import Counter
from collections.abc import Iterable

import pandas as pd

from longibench.benchmark.protocol.pairs import pair_intervals
from longibench.benchmark.protocol.splits.split import Split
from longibench.benchmark.settings.schema import PairSettings
from longibench.reports.cohorts.facts import Intervals, Pairs, Spread


def describe_intervals(visits: pd.DataFrame) -> Intervals:
    """Count follow-ups by time; ``visits`` is a visit table."""
    years = visits.groupby("subject")["years"]
    return Intervals(
        elapsed=half_years(visits.loc[visits["years"] > 0, "years"]),
        gaps=half_years(years.diff().dropna()),
        follow_up=spread(years.max()),
    )


def describe_pairs(visits: pd.DataFrame, settings: PairSettings, split: Split | None) -> Pairs:
    """Count pairs.

    Args:
        visits: A visit table.
        settings: The rule.
        split: The parts are counted too, if there is a split.
    """
    pairs = pair_intervals(visits, settings)
    years = (math.floor(interval + 0.5) for interval in pairs["interval_years"])
    parts = split.parts if split else {}
    return Pairs(
        rule=_rule(settings),
        count=len(pairs),
        by_year=sorted_counts(years),
        by_part={part: int(pairs["subject"].isin(m).sum()) for part, m in parts.items()},
        unpaired=visits["subject"].nunique() - pairs["subject"].nunique(),
    )


def half_years(years: Iterable[float]) -> dict[float, int]:
    """Count times in bins of half a year: bin 1.0 holds those from 0.75 to below 1.25 years."""
    return sorted_counts(math.floor(2 * time + 0.5) / 2 for time in years)


def spread(values: pd.Series) -> Spread:
    """Mean, standard deviation and range of the known values."""
    known = values.dropna().astype(float)
    low, middle, high = (float(known.quantile(share)) for share in (0, 0.5, 1))
    return Spread(len(known), float(known.mean()), float(known.std()), low, middle, high)


def sorted_counts(values: Iterable) -> dict:
    """Number of occurrences of each value, sorted by value."""
    return dict(sorted(Counter(values).items()))


def _rule(settings: PairSettings) -> str:
    if settings.rule == "all":
        return "all: the first scan with every later one"
    return (
        f"yearly: the first scan with the one nearest to each whole year up to {settings.most}, "
        f"within {settings.tolerance_years:g} years"
    )
