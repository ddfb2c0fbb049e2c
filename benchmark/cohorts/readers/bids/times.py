"""Times of the sessions of a BIDS subject: the first record of them that can be true."""

from collections.abc import Iterable, Mapping
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from longibench.benchmark.cohorts.parsing.plausible import (
    AGE_SLACK,
    LABEL_SLACK,
    LONGEST,
    disagree,
    era,
    label_years,
    out_of_order,
    too_long,
)
from longibench.benchmark.cohorts.readers.bids.records import (
    TimeRecord,
    Times,
    UnfitError,
    ages_of,
    time_records,
)
from longibench.benchmark.cohorts.readers.bids.tables import SubjectTables


class NoTimeError(Exception):
    """No times could be determined for a subject's sessions."""


class Timed(NamedTuple):
    """Times of a subject's sessions.

    Attributes:
        years: Years from an arbitrary start, by session label.
        what: The record that they are from, the same for every subject.
        remarks: What was not used and why, and what is known only roughly; the same texts for
            every subject.
    """

    years: Times
    what: str
    remarks: tuple[str, ...] = ()


def visit_years(tables: SubjectTables, scans: Mapping[str, Path]) -> Timed:
    """Find the times of a subject's sessions.

    The first record with distinct times for all sessions that can be true is used: days of
    ``sub-*_sessions.tsv``, dates of ``*_scans.tsv`` (the scans' own), dates, years, months or age
    of ``sub-*_sessions.tsv``, labels. Dates of which only the year is left are used last.

    Args:
        tables: The subject's tables.
        scans: The scan of each session, by session label without ``ses-``.

    Raises:
        NoTimeError: No record is usable; the message lists what was tried and which column to add.
    """
    problems, remarks = [], []
    rough: Timed | None = None
    for record in time_records(tables, scans):
        try:
            times = _judged(record, tables, scans)
        except UnfitError as error:
            problems.append(f"{record.where}: {error}")
            remarks.append(f"{record.what}: not used, because {error.kind}")
            continue
        if record.unit != "date" or not _only_years(record.days().values()):
            return Timed(times, record.what, (*remarks, *_shift(record)))
        remark = f"{record.what}: every date is 1 January, only the year is known"
        rough = rough or Timed(times, record.what, (*remarks, remark))
        remarks.append(remark)
    if rough:
        return rough
    raise NoTimeError("; ".join(problems) or _no_time(tables, scans))


def _no_time(tables: SubjectTables, scans: Iterable[str]) -> str:
    missing = f"{tables.folder.name}: no time for its sessions ({', '.join(scans)})"
    listed = [row["session_id"] for row in tables.sessions.rows.values()]
    if listed and not any(map(tables.sessions.row, scans)):
        return f"{missing}: {tables.sessions_path} has rows of others ({', '.join(listed[:3])})"
    return f"{missing}; add the column days_since_first or acq_time to {tables.sessions_path}"


def _judged(record: TimeRecord, tables: SubjectTables, scans: Mapping[str, Path]) -> Times:
    """The times of a record.

    Raises:
        UnfitError: They are not complete, or cannot be true.
    """
    times = _complete(record.years(), scans)
    if too_long(times):
        raise UnfitError(f"more than {LONGEST:g} years would be between two scans")
    labels = label_years(scans)
    if pair := out_of_order(times, labels):
        before, visit = pair
        raise UnfitError(
            "the order of the session labels is another one",
            f"session {visit} would come after {before}",
        )
    if record.unit == "date":
        _check_days(record.days(), times, labels, ages_of(tables, scans))
    return times


def _complete(times: Times, scans: Iterable[str]) -> Times:
    """Check that all sessions have distinct times."""
    seen: dict[float, str] = {}
    for visit in scans:
        if visit not in times:
            raise UnfitError("a session has no value", f"no value for session {visit}")
        if times[visit] in seen:
            raise UnfitError(
                "two sessions have the same value",
                f"sessions {seen[times[visit]]} and {visit} have the same value",
            )
        seen[times[visit]] = visit
    return times


def _check_days(days: Mapping[str, date], times: Times, labels: Times, ages: Times) -> None:
    """Refuse dates that anonymisation made equal, or moved other than by one shift.

    Dates before MRI are shifted: their differences are right, unless labels or ages contradict
    them. Labels do not overrule real dates, because visits are often late.
    """
    if len(days) > 1 and len(set(days.values())) == 1:
        raise UnfitError("all sessions have the same date")
    if len({era(day) for day in days.values()}) > 1:
        raise UnfitError("some dates are before MRI or in the future, and others are not")
    ordered = sorted(days, key=lambda visit: days[visit])
    for before, visit in pairwise(ordered):
        counted = before in labels and visit in labels
        apart = counted and abs(labels[visit] - labels[before]) > LABEL_SLACK
        if apart and days[visit] == days[before]:
            raise UnfitError("two sessions that are months apart have the same date")
    if any(era(day) for day in days.values()):
        for witness, slack, name in ((labels, LABEL_SLACK, "labels"), (ages, AGE_SLACK, "ages")):
            if disagree(times, witness, slack):
                raise UnfitError(f"its dates are shifted, and {name} contradict them")


def _only_years(days: Iterable[date]) -> bool:
    """Whether every date is 1 January, which replaces days and months that are left out."""
    return all((day.month, day.day) == (1, 1) for day in days)


def _shift(record: TimeRecord) -> tuple[str, ...]:
    """A remark on dates that are shifted."""
    shifted = record.unit == "date" and any(era(day) for day in record.days().values())
    remark = f"{record.what}: dates are before MRI or in the future: only differences are used"
    return (remark,) if shifted else ()
