"""(source, target, interval) pairs: the first visit with later ones."""

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import pandas as pd

from longibench.benchmark.cohorts.phantom.visit_truth import STRUCTURES, WARP, true_ml
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.files import file_digest
from longibench.benchmark.preparation.truth import VOLUME_CLEAN, VOLUME_EXPECTED
from longibench.benchmark.settings.schema import PairSettings

COLUMNS = ["subject", "visit", "interval_years", "source", "target"]
ROLES = ("source", "target")
PATHS = {  # columns that name files
    *ROLES,
    *(f"{role}_{what}" for role in ROLES for what in ("labels", "clean", "warp")),
    "target_expected",
}
STRATA = ["group", "sex", "age", "site", "field_tesla"]  # of the source; scores are split by them


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
    """Add the columns that scores are stratified by, label maps and truth if there are any.

    Args:
        pairs: Pairs of ``make_pairs``.
        table: The visit table that they were made from.

    Returns:
        The pairs with those of the columns ``STRATA`` that the table has, as known at the source,
        and ``source_labels`` and ``target_labels`` if it has ``volume_labels``. If it has
        ``volume_clean``: ``source_clean``, ``target_clean``, ``target_warp`` and the true volumes,
        such as ``source_true_brain_ml``. Only evaluated pairs have them.
    """
    annotated = known_at_source(pairs, table)
    by_volume = table.drop_duplicates("volume").set_index("volume")
    if VOLUME_CLEAN in table:
        for role in ROLES:
            annotated[f"{role}_clean"] = annotated[role].map(by_volume[VOLUME_CLEAN])
            for column in filter(by_volume.__contains__, map(true_ml, STRUCTURES)):
                annotated[f"{role}_{column}"] = annotated[role].map(by_volume[column])
        annotated["target_warp"] = annotated["target"].map(by_volume[WARP])
    if VOLUME_EXPECTED in table:
        annotated["target_expected"] = annotated["target"].map(by_volume[VOLUME_EXPECTED])
    return annotated


def known_at_source(pairs: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """Add the columns ``STRATA``, and label maps if there are any; arguments as of ``annotate``."""
    annotated = pairs.copy()
    by_volume = table.drop_duplicates("volume").set_index("volume")
    for column in STRATA:
        if column in table:
            annotated[column] = annotated["source"].map(by_volume[column])
    if "volume_labels" in table:
        for role in ROLES:
            annotated[f"{role}_labels"] = annotated[role].map(by_volume["volume_labels"])
    return annotated


def has_truth(pairs: pd.DataFrame) -> bool:
    """Whether annotated pairs have the truth of a simulation."""
    return "target_clean" in pairs


def truth_contents(pairs: pd.DataFrame) -> list[Any]:
    """What of the truth of annotated pairs decides their scores, by content; empty without one."""
    if not has_truth(pairs):
        return []
    names = [f"{role}_{true_ml(name)}" for role in ROLES for name in STRUCTURES]
    volumes = [pairs[name].tolist() for name in names if name in pairs]
    clean = [[Path(path).name for path in pairs[f"{role}_clean"]] for role in ROLES]
    if "target_expected" in pairs:
        clean.append([Path(path).name for path in pairs["target_expected"]])
    warps = [file_digest(Path(path)) for path in pairs["target_warp"].dropna()]
    return [clean, warps, volumes]
