"""The stratum in which each method is worst, and how far it is from the others."""

import math
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from longibench.metrics.statistics import ENOUGH
from longibench.reports.model.formats import DASH, interval
from longibench.reports.model.metric_facts import MetricFacts
from longibench.reports.model.results import Entry
from longibench.reports.model.text_table import Box, Line, Printed, Section
from longibench.reports.tables.strata import StratumValue
from longibench.reports.tables.strata_kinds import KINDS, Kind

CAPTION = (
    "The worst stratum of each kind: its mean minus that of all pairs with another label, with a "
    "95% bootstrap interval over subjects; not minus the mean of all, which contains the stratum. "
    "For a metric with an ideal value, of the means' distances from it. Only strata are considered "
    f"that have, as have their others, at least {ENOUGH} subjects. The worst is chosen by these "
    "scores, so that the interval is widened by Bonferroni's correction for the strata of its "
    "kind; it is not for there being several kinds, metrics and methods."
)


def worst_gaps(values: Sequence[StratumValue]) -> list[StratumValue]:
    """The worst stratum of each metric, method and kind, in the order of the values."""
    known = [value for value in values if not math.isnan(value.gap.low)]
    by_place: dict[tuple[MetricFacts, Entry, Kind], list[StratumValue]] = {}
    for value in known:
        by_place.setdefault((value.metric, value.entry, value.stratum.kind), []).append(value)
    return [max(found, key=_harm) for found in by_place.values()]


def gap_records(worst: Sequence[StratumValue]) -> list[dict[str, Any]]:
    """One row per metric, method and kind; aggregates only."""
    return [
        {
            "metric": value.metric.name,
            "title": value.metric.title,
            "family": value.metric.family,
            "method": value.entry.method,
            "label": value.entry.label,
            "stratum_by": value.stratum.kind.column,
            "worst_stratum": value.stratum.label,
            "minus_others": value.gap.estimate,
            "low": value.gap.low,
            "high": value.gap.high,
            "subjects": value.interval.subjects,
        }
        for value in worst
    ]


def print_gaps(worst: Sequence[StratumValue]) -> list[Printed]:
    """One table a family, one section a metric, one line a method, one column a kind."""
    kinds = [kind for kind in KINDS if any(value.stratum.kind == kind for value in worst)]
    heads = (Box("Method"), *(Box(kind.words[0].upper() + kind.words[1:]) for kind in kinds))
    tables = []
    for family in dict.fromkeys(value.metric.family for value in worst):
        own = [value for value in worst if value.metric.family == family]
        sections = tuple(
            Section(metric.heading, tuple(_lines(list(of_metric), kinds)))
            for metric, of_metric in groupby(own, key=lambda value: value.metric)
        )
        title = f"{family.capitalize()}, the worst stratum minus the others"
        tables.append(Printed("", title, heads, sections, CAPTION))
    return tables


def _lines(values: Sequence[StratumValue], kinds: Sequence[Kind]) -> list[Line]:
    lines = []
    for entry, of_entry in groupby(values, key=lambda value: value.entry):
        by_kind = {value.stratum.kind: _box(value) for value in of_entry}
        lines.append((Box(entry.label), *(by_kind.get(kind, Box(DASH)) for kind in kinds)))
    return lines


def _box(value: StratumValue) -> Box:
    decimals = value.metric.decimals
    small = (value.stratum.label, interval(value.gap, decimals))
    return Box(f"{value.gap.estimate:+z.{decimals}f}", small)


def _harm(value: StratumValue) -> float:
    """How much worse the stratum is than the others."""
    gap = value.gap.estimate
    return -gap if value.metric.higher_is_better else gap
