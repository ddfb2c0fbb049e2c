"""Paired comparisons of two methods by each metric, with confidence."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

from longibench.benchmark.core.console import Console
from longibench.metrics.statistics import ENOUGH
from longibench.metrics.statistics_paired import LEVEL, Comparison, holm
from longibench.reports.model.estimates import (
    better_first,
    compare,
    p_of_trainings,
    spread_of_difference,
)
from longibench.reports.model.formats import DASH, between_seeds, interval, p_value, percent
from longibench.reports.model.metric_facts import MetricFacts
from longibench.reports.model.results import Entry, Results
from longibench.reports.model.text_table import Box, Line, Notes, Printed, Section

HEADS = ("Better against worse", "Difference", "p", "p, Holm", "Better for")
CAPTION = (
    "Difference of the means over subjects with its 95% interval over subjects, paired; for a "
    "metric with an ideal value, of the means' distances from it. p: two-sided, by Wilcoxon's "
    "signed-rank test on subjects' differences; for metrics of a whole set, which have no value "
    "per subject, by Student's t of the difference over its jackknife standard error. Holm: "
    f"corrected for all comparisons of the same metric; bold below {LEVEL:g}. Better for: the "
    "probability of improvement, which is the share of subjects whose own mean is better, ties "
    "half; a method can be better for most subjects and worse on average. "
    "\N{PLUS-MINUS SIGN}: the standard deviation of the difference between two trainings, where "
    "both methods have several seeds. No interval and no p with fewer than "
    f"{ENOUGH} subjects. References and oracles are not compared."
)
TESTS = {True: "Wilcoxon signed-rank on subject means", False: "Student's t of the jackknife"}


@dataclass(frozen=True)
class Compared:
    """Two methods by one metric.

    Attributes:
        metric: By what.
        better: The one with the better estimate; of equals, the one that is first.
        worse: The other.
        result: Better against worse, or why they cannot be compared.
        adjusted: The p-value after Holm's correction over the metric's comparisons.
        seed_spread: Standard deviation of the difference between trainings; NaN with one seed.
        p_seeds: The p-value of no difference between trainings; NaN with one seed.
    """

    metric: MetricFacts
    better: Entry
    worse: Entry
    result: Comparison | str
    adjusted: float = math.nan
    seed_spread: float = math.nan
    p_seeds: float = math.nan

    @property
    def differs(self) -> bool:
        """Whether the test distinguishes the two."""
        return self.adjusted < LEVEL

    @property
    def share(self) -> float:
        """Share of the subjects for which the better one is better; NaN for set metrics."""
        if isinstance(self.result, str):
            return math.nan
        return self.result.share_better(higher_is_better=self.metric.higher_is_better)


def build_comparisons(results: Results, console: Console) -> list[Compared]:
    """Compare all methods, without references and oracles, by every metric."""
    pairs, metrics = list(combinations(results.methods, 2)), results.metrics
    if not pairs:
        return []
    return [
        compared
        for metric in console.track(metrics, "Comparisons", len(metrics))
        for compared in _adjusted([_compare(results, metric, pair) for pair in pairs])
    ]


def comparison_records(compared: list[Compared]) -> list[dict[str, Any]]:
    """One row per metric and pair of methods."""
    return [_record(one) for one in compared]


def print_comparisons(compared: list[Compared]) -> list[Printed]:
    """One table per family, one section per metric."""
    families = dict.fromkeys(one.metric.family for one in compared)
    return [
        _print(family, [one for one in compared if one.metric.family == family])
        for family in families
    ]


def _compare(results: Results, metric: MetricFacts, pair: tuple[Entry, Entry]) -> Compared:
    pair = better_first(results, pair, metric)
    return Compared(
        metric,
        *pair,
        compare(results, pair, metric),
        seed_spread=spread_of_difference(results, pair, metric),
        p_seeds=p_of_trainings(results, pair, metric),
    )


def _adjusted(compared: list[Compared]) -> Iterator[Compared]:
    """Apply Holm's correction over the given comparisons."""
    values = [math.nan if isinstance(c.result, str) else c.result.p_value for c in compared]
    for one, value in zip(compared, holm(values), strict=True):
        yield replace(one, adjusted=value)


def _record(one: Compared) -> dict[str, Any]:
    metric, result = one.metric, one.result
    record: dict[str, Any] = {
        "metric": metric.name,
        "title": metric.title,
        "family": metric.family,
        "better": one.better.method,
        "better_label": one.better.label,
        "worse": one.worse.method,
        "worse_label": one.worse.label,
    }
    found = None if isinstance(result, str) else result
    return {
        **record,
        "difference": found and found.difference.estimate,
        "low": found and found.difference.low,
        "high": found and found.difference.high,
        "sd_between_seeds": one.seed_spread,
        "p_between_seeds": one.p_seeds,
        "subjects": found and found.difference.subjects,
        "test": TESTS[metric.by_subject],
        "p": found and found.p_value,
        "p_holm": one.adjusted,
        "probability_of_improvement": one.share,
        "note": result if isinstance(result, str) else "",
    }


def _print(family: str, compared: list[Compared]) -> Printed:
    notes = Notes()
    sections = [
        Section(
            metric.heading,
            tuple(_line(one, notes) for one in compared if one.metric == metric),
        )
        for metric in dict.fromkeys(one.metric for one in compared)
    ]
    heads = tuple(Box(head) for head in HEADS)
    title = f"{family.capitalize()}, two methods at a time"
    return Printed("", title, heads, tuple(sections), CAPTION, tuple(notes.texts))


def _line(one: Compared, notes: Notes) -> Line:
    label = Box(f"{one.better.label} against {one.worse.label}")
    result, decimals = one.result, one.metric.decimals
    if isinstance(result, str):
        dash = Box(DASH)
        return (label, Box(DASH, note=notes.number(result)), dash, dash, dash)
    small = (interval(result.difference, decimals), between_seeds(one.seed_spread, decimals))
    return (
        label,
        Box(f"{result.difference.estimate:+z.{decimals}f}", tuple(filter(None, small))),
        Box(p_value(result.p_value)),
        Box(p_value(one.adjusted), best=one.differs),
        Box(percent(one.share), ("of subjects",) if not math.isnan(one.share) else ()),
    )
