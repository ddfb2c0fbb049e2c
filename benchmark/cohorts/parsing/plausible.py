"""What the times of a subject's visits can be, and what labels and ages witness about them."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from itertools import pairwise

from longibench.benchmark.cohorts.parsing.dates import MONTHS, YEAR

LONGEST = 40.0  # years between two scans: people are scanned by MRI since about 1980
FIRST_MRI = date(1980, 1, 1)  # an earlier date is shifted (BIDS: to before 1925), or no date
OLDEST = 120.0  # years
LABEL_SLACK = 0.5  # years by which a visit may be off its label
AGE_SLACK = 1.5  # years: ages may be whole years, and of a clinic day near the scan
COUNTED = re.compile(r"(?P<unit>[md])(?P<count>\d+)|bl|baseline", re.IGNORECASE)

Years = Mapping[str, float]  # by visit


def label_years(visits: Iterable[str]) -> dict[str, float]:
    """Years of the visits whose labels count months (``M012``, ``bl``) or days (``d0757``).

    Returns:
        Years from an arbitrary start by label; empty if some count months and others days.
    """
    years, units = {}, set()
    for visit in visits:
        if match := COUNTED.fullmatch(visit.strip()):
            unit = (match["unit"] or "").lower()
            units.add(unit)
            years[visit] = float(match["count"] or 0) / (MONTHS if unit == "m" else YEAR)
    return {} if {"m", "d"} <= units else years


def era(day: date) -> int:
    """-1 before there was MRI, 1 in the future, else 0."""
    return (day > datetime.now(UTC).date()) - (day < FIRST_MRI)


def too_long(years: Years) -> bool:
    """Whether first and last visit are further apart than any two scans can be."""
    return max(years.values()) - min(years.values()) > LONGEST


def disagree(years: Years, witness: Years, slack: float) -> tuple[str, str] | None:
    """Two visits, the first and another, that a witness has at another distance.

    Args:
        years: Times of the visits.
        witness: Other times of some of them, on any clock.
        slack: Years of difference that are no contradiction; nor is half of the longer interval.
    """
    visits = sorted((visit for visit in years if visit in witness), key=lambda v: years[v])
    for visit in visits[1:]:
        intervals = (each[visit] - each[visits[0]] for each in (years, witness))
        shorter, longer = sorted(intervals)
        if longer - shorter > max(slack, 0.5 * longer):
            return visits[0], visit
    return None


def out_of_order(years: Years, labels: Years) -> tuple[str, str] | None:
    """Two visits of which the one with the larger count is the earlier one."""
    visits = sorted((visit for visit in years if visit in labels), key=lambda v: years[v])
    for before, visit in pairwise(visits):
        if labels[visit] < labels[before] and years[visit] > years[before]:
            return before, visit
    return None
