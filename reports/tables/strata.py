"""Scores stratified by interval, diagnosis and sex, with numbers of pairs and subjects."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from longibench.benchmark.core.console import Console
from longibench.benchmark.evaluation.score_table import NUMERATOR
from longibench.metrics.statistics import ENOUGH, Interval
from longibench.reports.model.estimates import mean_by_subject, mean_interval, ratio_of_subjects
from longibench.reports.model.metric_facts import MetricFacts
from longibench.reports.model.results import VISIT, Entry, Results

FEWEST = 5  # subjects; the mean of fewer could reveal a participant's own value
# Visits are planned every six months or every year and are rarely on the exact day, so that bounds
# are a quarter of a year before the year: with bounds at 0.5 or 1 year planned visits would be on
# both sides.
BOUNDS = (0.0, 0.75, 1.75, 2.75, 3.75, 4.75, math.inf)
YEARS = ("under 1 year", "1 year", "2 years", "3 years", "4 years", "5 years and more")
DIAGNOSES = ("CN", "SMC", "EMCI", "MCI", "LMCI", "AD")  # in the order of the disease
KNOWN = (*DIAGNOSES, "F", "M")
OTHER = "other"


OF_YEARS = (
    "A year begins a quarter of a year early, so that visits planned every six months are well "
    "inside."
)


@dataclass(frozen=True)
class Kind:
    """A way to stratify pairs: column of labelled pairs, words, and additional caption."""

    column: str
    words: str
    adds: str = ""


KINDS = (
    Kind("years", "by interval", OF_YEARS),
    Kind("group", "by diagnosis at the source"),
    Kind("sex", "by sex"),
)


@dataclass(frozen=True)
class Stratum:
    """A subset of the evaluated pairs: its label, and numbers of pairs and subjects."""

    kind: Kind
    label: str
    pairs: int
    subjects: int


@dataclass(frozen=True)
class StratumValue:
    """The mean of one metric and entry in one stratum; NaN if it is not published."""

    stratum: Stratum
    metric: MetricFacts
    entry: Entry
    interval: Interval
    pairs: int


def build_strata(results: Results, console: Console) -> list[StratumValue]:
    """Values of every metric that has values by subject or is a ratio of sums, in each stratum."""
    pairs = _labelled(results.pairs)
    strata = [stratum for kind in KINDS if kind.column in pairs for stratum in _strata(kind, pairs)]
    places = [
        (metric, entry)
        for metric in results.metrics
        for entry in results.entries
        if metric.by_subject or results.is_ratio(entry, metric)
        if entry.role != "oracle" or results.is_scored(entry, metric)  # few metrics measure them
    ]
    if not places or not strata:
        return []
    numbered = results.numbered(pairs)
    labelled = [_scored(results, metric, entry, numbered) for metric, entry in places]
    # A stratum at a time, because its subjects are the same for all: see ``metrics.statistics``.
    by_stratum = [
        [_value(stratum, *place, rows) for place, rows in zip(places, labelled, strict=True)]
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
            "pairs": value.pairs,
            "subjects": value.interval.subjects,
        }
        for value in values
    ]


def _labelled(pairs: pd.DataFrame) -> pd.DataFrame:
    """Pairs with the stratum of each kind; without kinds that are unknown for all pairs."""
    cut = pd.cut(pairs["interval_years"], BOUNDS, right=False, labels=list(YEARS))
    table = pairs[VISIT].assign(years=cut.astype(object))
    for column in ("group", "sex"):
        if column in pairs and pairs[column].notna().any():
            table[column] = _without_rare(pairs[column].replace("", np.nan), pairs["subject"])
    return table


def _without_rare(labels: pd.Series, subjects: pd.Series) -> pd.Series:
    """Levels of few subjects as "other": a column of ids, or a rare disease, names a person."""
    counts = subjects.groupby(labels).transform("nunique")
    rare = (counts < FEWEST) & ~labels.isin(KNOWN)
    return labels.mask(rare, OTHER)


def _strata(kind: Kind, pairs: pd.DataFrame) -> Iterator[Stratum]:
    labels = pairs[kind.column].dropna()
    for label in sorted(labels.unique(), key=_order):
        selected = pairs[pairs[kind.column] == label]
        yield Stratum(kind, label, len(selected), selected["subject"].nunique())


def _scored(
    results: Results, metric: MetricFacts, entry: Entry, pairs: pd.DataFrame
) -> pd.DataFrame:
    """Values with their labels; one value per subject cannot be stratified by interval."""
    of_pairs = results.values_of if metric.by_subject else results.parts_of
    values = of_pairs(entry, metric)
    if metric.kind == "subject" or "visit" not in values:
        pairs = pairs.drop(columns=["visit", "years"]).drop_duplicates("subject")
    return values.merge(pairs, on=[key for key in VISIT if key in pairs])


def _value(
    stratum: Stratum, metric: MetricFacts, entry: Entry, labelled: pd.DataFrame
) -> StratumValue | None:
    """The metric in a stratum; None if its values have no such label."""
    if stratum.kind.column not in labelled:
        return None
    selected = labelled[labelled[stratum.kind.column] == stratum.label]
    pairs = len(selected[VISIT].drop_duplicates())
    return StratumValue(stratum, metric, entry, _interval(selected), pairs)


def _interval(values: pd.DataFrame) -> Interval:
    """Mean, or ratio of sums, and, with enough subjects, its interval."""
    subjects = values["subject"].nunique()
    is_ratio = NUMERATOR in values
    if subjects >= ENOUGH:
        return ratio_of_subjects(values) if is_ratio else mean_interval(values)
    if subjects < FEWEST:
        mean = math.nan
    elif is_ratio:
        mean = ratio_of_subjects(values).estimate
    else:
        mean = float(mean_by_subject(values).mean())
    return Interval(mean, math.nan, math.nan, math.nan, subjects)


def _order(label: str) -> tuple[int, str]:
    known = (*YEARS, *DIAGNOSES)
    return (known.index(label) if label in known else len(known), label)
