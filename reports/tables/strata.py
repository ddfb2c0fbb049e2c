"""Scores in each stratum of the evaluated pairs, and its gap to the others."""

import math
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from longibench.benchmark.core.console import Console
from longibench.benchmark.evaluation.score_table import DENOMINATOR, NUMERATOR
from longibench.metrics.statistics import (
    CONFIDENCE,
    ENOUGH,
    Interval,
    bootstrap_interval,
    seed_spread,
)
from longibench.metrics.statistics_groups import group_difference
from longibench.metrics.statistics_paired import distances
from longibench.reports.model.estimates import (
    NOTHING,
    by_seed,
    mean_by_subject,
    mean_interval,
    ratio_of_subjects,
)
from longibench.reports.model.metric_facts import MetricFacts
from longibench.reports.model.results import VISIT, Entry, Results
from longibench.reports.tables.strata_kinds import (
    Stratum,
    label_pairs,
    strata_of,
    withheld_labels,
)


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
    """

    stratum: Stratum
    metric: MetricFacts
    entry: Entry
    interval: Interval
    pairs: int
    gap: Interval = NOTHING
    seed_spread: float = math.nan
    withheld: bool = False


@dataclass(frozen=True)
class _Scored:
    """The values of one metric and entry with their labels, and the labels that are withheld."""

    metric: MetricFacts
    entry: Entry
    labelled: pd.DataFrame
    withheld: frozenset[tuple[str, str]]

    @classmethod
    def of(
        cls, results: Results, metric: MetricFacts, entry: Entry, pairs: pd.DataFrame
    ) -> "_Scored":
        """One value per subject cannot be stratified by interval."""
        of_pairs = results.values_of if metric.by_subject else results.parts_of
        values = of_pairs(entry, metric)
        if metric.kind == "subject" or "visit" not in values:
            pairs = pairs.drop(columns=["visit", "years"]).drop_duplicates("subject")
        labelled = values.merge(pairs, on=[key for key in VISIT if key in pairs])
        return cls(metric, entry, labelled, withheld_labels(labelled))


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
    scored = [_Scored.of(results, metric, entry, numbered) for metric, entry in places]
    # A stratum at a time, because its subjects are the same for all: see ``metrics.statistics``.
    among = Counter(stratum.kind for stratum in strata if stratum.subjects >= ENOUGH)
    by_stratum = [
        [_value(stratum, _level(among[stratum.kind]), one) for one in scored]
        for stratum in console.track(strata, "Strata", len(strata))
    ]
    return [value for of_place in zip(*by_stratum, strict=True) for value in of_place if value]


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


def _value(stratum: Stratum, level: float, scored: _Scored) -> StratumValue | None:
    """The metric in a stratum; None if its values have no such label."""
    kind, labelled = stratum.kind.column, scored.labelled
    if kind not in labelled:
        return None
    labels = labelled[kind]
    inside = labelled[labels == stratum.label]
    outside = labelled[labels.notna() & (labels != stratum.label)]
    visits = [key for key in VISIT if key in inside]  # parts of a subject's ratio have none
    value = StratumValue(
        *(stratum, scored.metric, scored.entry),
        interval=replace(NOTHING, subjects=inside["subject"].nunique()),
        pairs=len(inside[visits].drop_duplicates()),
        withheld=(kind, stratum.label) in scored.withheld,
    )
    if value.withheld or inside.empty or not _is_defined(inside):
        return value
    return replace(
        value,
        interval=ratio_of_subjects(inside) if NUMERATOR in inside else mean_interval(inside),
        gap=_gap(inside, outside, scored.metric, level),
        seed_spread=_spread(inside),
    )


def _is_defined(values: pd.DataFrame) -> bool:
    """Whether no ratio of them has a sum of denominators that may be 0, as by its interval."""
    if DENOMINATOR not in values or (values[DENOMINATOR] > 0).all():
        return True
    below = bootstrap_interval(values.groupby("subject")[DENOMINATOR].sum())
    return below.low > 0 or below.high < 0


def _gap(
    inside: pd.DataFrame, outside: pd.DataFrame, metric: MetricFacts, level: float
) -> Interval:
    """The difference of both means, with its interval; nothing without one."""
    if not _is_defined(outside):
        return NOTHING
    parts = (distances(_contributions(values), metric.best) for values in (inside, outside))
    gap = group_difference(*parts, confidence=level)
    return NOTHING if math.isnan(gap.low) else gap


def _contributions(values: pd.DataFrame) -> pd.Series:
    """One value a subject, whose mean is the mean, or to first order the ratio of sums."""
    if NUMERATOR not in values:
        return mean_by_subject(values)
    sums = values.groupby("subject")[[NUMERATOR, DENOMINATOR]].sum()
    ratio = sums[NUMERATOR].sum() / sums[DENOMINATOR].sum()
    return ratio + (sums[NUMERATOR] - ratio * sums[DENOMINATOR]) / sums[DENOMINATOR].mean()


def _spread(values: pd.DataFrame) -> float:
    """Standard deviation between training seeds; NaN with only one."""
    if NUMERATOR not in values:
        return seed_spread(by_seed(values))
    return seed_spread(
        [ratio_of_subjects(one).estimate for _, one in values.groupby("training_seed")]
    )
