"""Scores in each stratum of the evaluated pairs, and its gap to the others."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from longibench.benchmark.core.console import Console
from longibench.metrics.statistics import CONFIDENCE, ENOUGH, Interval
from longibench.reports.model.estimates import NOTHING
from longibench.reports.model.metric_facts import MetricFacts
from longibench.reports.model.results import Entry, Results
from longibench.reports.tables.letters import letters_within
from longibench.reports.tables.strata_kinds import Stratum, label_pairs, strata_of
from longibench.reports.tables.strata_within import Scored, Within


@dataclass(frozen=True)
class StratumValue:
    """The mean of one metric and entry in one stratum; NaN if it is withheld or not defined.

    Attributes:
        stratum: Which.
        metric: Of what.
        entry: Of whose volumes.
        interval: The mean with its interval over subjects.
        pairs: Pairs that have a value.
        gap: The mean minus that of all pairs with another label, with its interval over subjects;
            for a metric with an ideal value, of the means' distances from it. All intervals of a
            kind have together the nominal confidence. NaN without an interval: it would give away
            the mean of few others.
        seed_spread: Standard deviation between training seeds; NaN with only one.
        withheld: Whether it is not published, as the values of few could be computed from it.
        letters: Shared with the methods that the stratum's subjects do not distinguish from it.
    """

    stratum: Stratum
    metric: MetricFacts
    entry: Entry
    interval: Interval
    pairs: int
    gap: Interval = NOTHING
    seed_spread: float = math.nan
    withheld: bool = False
    letters: str = ""


def build_strata(results: Results, console: Console) -> list[StratumValue]:
    """Values of every metric that has values by subject or is a ratio of sums, in each stratum."""
    pairs = label_pairs(results.pairs)
    strata = strata_of(pairs)
    places = [
        (metric, entry)
        for metric in results.metrics
        for entry in results.entries
        if metric.by_subject or results.is_ratio(entry, metric)
        if not entry.is_measured_by_few or results.is_scored(entry, metric)
    ]
    if not places or not strata:
        return []
    numbered = results.numbered(pairs)
    scored = [Scored.of(results, metric, entry, numbered) for metric, entry in places]
    # A stratum at a time, because its subjects are the same for all: see ``metrics.statistics``.
    among = Counter(stratum.kind for stratum in strata if stratum.subjects >= ENOUGH)
    values = [
        value
        for stratum in console.track(strata, "Strata", len(strata))
        for value in _of_stratum(stratum, _level(among[stratum.kind]), scored)
    ]
    order = {place: number for number, place in enumerate(places)}
    return sorted(values, key=lambda value: order[value.metric, value.entry])


def strata_records(values: list[StratumValue]) -> list[dict[str, Any]]:
    """One row per metric, method and stratum; aggregates only."""
    return [
        {
            "stratum_by": value.stratum.kind.column,
            "stratum": value.stratum.label,
            "metric": value.metric.name,
            "title": value.metric.title,
            "family": value.metric.family,
            "method": value.entry.method,
            "label": value.entry.label,
            "mean": value.interval.estimate,
            "letters": value.letters,
            "low": value.interval.low,
            "high": value.interval.high,
            "sd_between_seeds": value.seed_spread,
            "minus_others": value.gap.estimate,
            "minus_others_low": value.gap.low,
            "minus_others_high": value.gap.high,
            "pairs": value.pairs,
            "subjects": value.interval.subjects,
        }
        for value in values
    ]


def _level(strata: int) -> float:
    """The confidence of one gap of a kind, by Bonferroni's correction for its strata.

    The worst stratum is chosen by the scores that its interval is of, and one of several equal
    ones is always worst. Two strata have one gap, seen from both sides.
    """
    return 1 - (1 - CONFIDENCE) / (strata if strata > 2 else 1)


def _of_stratum(stratum: Stratum, level: float, scored: Sequence[Scored]) -> list[StratumValue]:
    """Each metric and entry whose values have a label of this kind."""
    within = [Within(one, stratum) for one in scored if stratum.kind.column in one.labelled]
    letters = _letters(within)
    return [_value(one, level, letters.get((one.metric, one.entry), "")) for one in within]


def _letters(within: Sequence[Within]) -> dict[tuple[MetricFacts, Entry], str]:
    """The letters of the methods by each metric."""
    means: dict[MetricFacts, dict[Entry, pd.Series]] = {}
    for one in within:
        if one.is_published and one.entry.competes:
            means.setdefault(one.metric, {})[one.entry] = one.means
    return {
        (metric, entry): its
        for metric, of_methods in means.items()
        for entry, its in letters_within(metric, of_methods).items()
    }


def _value(within: Within, level: float, letters: str) -> StratumValue:
    value = StratumValue(
        *(within.stratum, within.metric, within.entry),
        interval=replace(NOTHING, subjects=within.subjects),
        pairs=within.pairs,
        withheld=within.is_withheld,
        letters=letters,
    )
    if not within.is_published:
        return value
    return replace(
        value, interval=within.interval, gap=within.gap(level), seed_spread=within.seed_spread
    )
