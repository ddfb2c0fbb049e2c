"""(source, target, interval) pairs: the first visit with later ones."""

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any

import pandas as pd

from longibench.benchmark.core.errors import UserError
from longibench.benchmark.settings.schema import PairSettings

COLUMNS = ["subject", "visit", "interval_years", "source", "target"]
PATHS = {"source", "target", "source_labels", "target_labels"}  # columns that name files
STRATA = ["group", "sex"]  # columns of the visit table that scores are stratified by


def make_pairs(table: pd.DataFrame, settings: PairSettings) -> pd.DataFrame:
    """Pair each subject's first visit with follow-ups.

    Args:
        table: A visit table with the column ``volume``, the prepared volume of each scan.
        settings: Which follow-ups count.

    Returns:
        One row per pair, sorted by subject and interval: subject, visit (of the target),
        interval_years, source and target (paths of prepared volumes).

    Raises:
        UserError: A follow-up that is not later than its source, or no pair at all.
    """
    rows: list[tuple[str, str, float, str, str]] = []
    for subject, visits in _by_subject(table[["subject", "years", "visit", "volume"]]):
        (_, start, _, source), *later = visits
        intervals = [float(years - start) for _, years, *_ in later]
        if any(interval <= 0 for interval in intervals):
            raise UserError(f"subject {subject}: a follow-up is not later than its source")
        for place in _chosen(intervals, settings):
            _, _, visit, target = later[place]
            rows.append((subject, visit, intervals[place], source, target))
    if not rows:
        raise no_pair(table["subject"].nunique(), settings)
    return pd.DataFrame(rows, columns=COLUMNS)


def no_pair(subjects: int, settings: PairSettings) -> UserError:
    """The error that this number of subjects has no pair."""
    return UserError(
        f"no pair under the rule '{settings.rule}' among {subjects} subjects; try --pairs all, or "
        "--set test_pairs.rule=all for a --test-cohort"
    )


def pair_intervals(table: pd.DataFrame, settings: PairSettings) -> pd.DataFrame:
    """The intervals of the pairs that ``make_pairs`` would make, before any volume is prepared.

    Args:
        table: A visit table.
        settings: Which follow-ups count.

    Returns:
        One row per pair, sorted by subject and interval: subject, interval_years.
    """
    rows: list[tuple[str, float]] = []
    for subject, visits in _by_subject(table[["subject", "years"]]):
        (_, start), *later = visits
        intervals = [float(years - start) for _, years in later]
        rows += [(subject, intervals[place]) for place in _chosen(intervals, settings)]
    return pd.DataFrame(rows, columns=["subject", "interval_years"])


def _by_subject(table: pd.DataFrame) -> Iterator[tuple[str, Iterator[tuple[Any, ...]]]]:
    """Each subject with its rows in order of time; the columns start with subject and years."""
    ordered = table.sort_values(["subject", "years"])
    columns = [ordered[name].tolist() for name in ordered]
    return groupby(zip(*columns, strict=True), key=itemgetter(0))


def _chosen(intervals: list[float], settings: PairSettings) -> list[int]:
    """Positions of the follow-ups to use, in order of time."""
    if settings.rule == "all" or not intervals:
        return list(range(len(intervals)))
    chosen = []
    for year in range(1, settings.most + 1):
        nearest = min(range(len(intervals)), key=lambda i: abs(intervals[i] - year))
        if abs(intervals[nearest] - year) <= settings.tolerance_years:
            chosen.append(nearest)
    return chosen


def annotate(pairs: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """Add the columns that scores are stratified by, and label maps if there are any.

    Args:
        pairs: Pairs of ``make_pairs``.
        table: The visit table that they were made from.

    Returns:
        The pairs with those of the columns ``STRATA`` that the table has, as known at the source,
        and ``source_labels`` and ``target_labels`` if it has ``volume_labels``.
    """
    annotated = pairs.copy()
    by_volume = table.drop_duplicates("volume").set_index("volume")
    for column in STRATA:
        if column in table:
            annotated[column] = annotated["source"].map(by_volume[column])
    if "volume_labels" in table:
        for role in ("source", "target"):
            annotated[f"{role}_labels"] = annotated[role].map(by_volume["volume_labels"])
    return annotated
