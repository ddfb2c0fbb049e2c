"""Strata as tables: one per way to stratify pairs and family of metrics."""

import math
from collections.abc import Callable, Hashable, Iterator
from itertools import pairwise
from typing import Any

from longibench.metrics.statistics import ENOUGH
from longibench.metrics.statistics_paired import LEVEL
from longibench.reports.model.caption import count
from longibench.reports.model.formats import between_seeds, interval, number
from longibench.reports.model.text_table import Box, Line, Printed, Section
from longibench.reports.tables.strata import StratumValue
from longibench.reports.tables.strata_kinds import BOUNDS, FEWEST, YEARS, Kind, Stratum

SEXES = {"F": "women", "M": "men"}
CAPTION = (
    "Means over subjects; of several training seeds over those too. 95% intervals over subjects "
    f"from {ENOUGH} subjects on. Withheld: a mean of fewer than {FEWEST} subjects, or one from "
    "which that of so few others would follow. A ratio of sums, such as the skill against the true "
    "change, is that of the stratum's sums; its interval is by the delete-one-subject jackknife, "
    "which is fast. Other metrics of a whole set, such as FID, are not stratified: fewer volumes "
    "would give other values. Letters: methods that share one cannot be distinguished (paired "
    "tests over the stratum's subjects, by Wilcoxon or, of a ratio, Student's t; p at least "
    f"{LEVEL:g} after Holm's correction within stratum and metric, not for there being many of "
    "both). Nothing is bold: tests of few subjects distinguish few."
)


def print_strata(values: list[StratumValue]) -> list[Printed]:
    """One table per kind and family, one section per metric, one column per stratum."""
    return [
        _print(kind, family, selected)
        for kind, of_kind in _apart(values, lambda value: value.stratum.kind)
        for family, selected in _apart(of_kind, lambda value: value.metric.family)
    ]


def _head(stratum: Stratum) -> Box:
    size = (count(stratum.pairs, "pair"), count(stratum.subjects, "subject"))
    if stratum.kind.column != "years":
        return Box(SEXES.get(stratum.label, stratum.label), size)
    low, high = dict(zip(YEARS, pairwise(BOUNDS), strict=True))[stratum.label]
    within = f"from {low:g}" if math.isinf(high) else f"{low:g} to {high:g}"
    return Box(stratum.label, (within, *size))


def _print(kind: Kind, family: str, values: list[StratumValue]) -> Printed:
    strata = list(dict.fromkeys(value.stratum for value in values))
    sections = [
        Section(metric.heading, tuple(_lines(selected)))
        for metric, selected in _apart(values, lambda value: value.metric)
    ]
    heads = (Box("Method"), *(_head(stratum) for stratum in strata))
    caption = f"{CAPTION} {kind.adds}".strip()
    return Printed("", f"{family.capitalize()} {kind.words}", heads, tuple(sections), caption)


def _lines(values: list[StratumValue]) -> Iterator[Line]:
    for entry, selected in _apart(values, lambda value: value.entry):
        yield (Box(entry.label), *(_box(value) for value in selected))


def _box(value: StratumValue) -> Box:
    decimals = value.metric.decimals
    text = number(value.interval.estimate, decimals)
    if value.withheld:
        return Box(text, ("withheld",))
    small = (interval(value.interval, decimals), between_seeds(value.seed_spread, decimals))
    return Box(text, tuple(filter(None, small)), letters=value.letters)


def _apart(
    values: list[StratumValue], key: Callable[[StratumValue], Hashable]
) -> list[tuple[Any, list[StratumValue]]]:
    """Values by a key, in the order of its first use."""
    found: dict[Any, list[StratumValue]] = {}
    for value in values:
        found.setdefault(key(value), []).append(value)
    return list(found.items())
