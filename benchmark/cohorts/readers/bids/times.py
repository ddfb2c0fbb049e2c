"""Times of the sessions of a BIDS subject."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, time
from pathlib import Path
from typing import NamedTuple

from longibench.benchmark.cohorts.parsing.dates import MONTHS, TIME_COLUMNS, YEAR, Unit, parse_date
from longibench.benchmark.cohorts.parsing.study_files import MISSING_CODES
from longibench.benchmark.cohorts.parsing.tables import Row, text_of
from longibench.benchmark.cohorts.readers.bids.tables import SubjectTables

COLUMN_TO_ADD = (
    "add the column days_since_first, or acq_time with dates such as 2011-05-03, to each "
    "sub-*/sub-*_sessions.tsv"
)
TIMED = re.compile(r"\d{4}-\d{2}-\d{2}[T ]")  # a date with the time of day

Times = dict[str, float]  # years by session label
Cells = Mapping[str, str | None]  # one column: cell by session label


class NoTimeError(Exception):
    """No times could be determined for a subject's sessions."""


def visit_years(tables: SubjectTables, scans: Mapping[str, Path]) -> tuple[Times, str]:
    """Find the times of a subject's sessions, in years from an arbitrary start.

    The first record with distinct times for all sessions is used: days of ``sub-*_sessions.tsv``,
    dates of ``*_scans.tsv`` (the scans' own), dates, years, months or age of
    ``sub-*_sessions.tsv``, labels.

    Args:
        tables: The subject's tables.
        scans: The scan of each session, by session label without ``ses-``.

    Returns:
        The times, and a description of the record that is the same for every subject.

    Raises:
        NoTimeError: No record is usable; the message lists what was tried and which column to add.
    """
    problems = []
    for record in _time_records(tables, scans):
        try:
            return _complete(record.read(record.cells), scans), record.what
        except ValueError as error:
            problems.append(f"{record.where}: {error}")
    raise NoTimeError(
        "; ".join(problems)
        or f"{tables.folder.name}: no time for its sessions ({', '.join(scans)}); add the column "
        f"days_since_first or acq_time to {tables.sessions_path}"
    )


class _TimeRecord(NamedTuple):
    """A record of session times: description, location, how it is read, and its cells."""

    what: str
    where: str
    read: Callable[[Cells], Times]
    cells: Cells


def _time_records(tables: SubjectTables, scans: Mapping[str, Path]) -> Iterator[_TimeRecord]:
    """The records in order of reliability."""
    yield from _columns(tables, scans, "days")
    yield from _scan_dates(tables, scans)
    later: tuple[Unit, ...] = ("date", "years", "months", "age")
    for unit in later:
        yield from _columns(tables, scans, unit)
    if any(LABEL.fullmatch(visit) for visit in scans):
        cells = {visit: visit for visit in scans}
        yield _TimeRecord("session labels", f"{tables.folder}, session labels", _labels, cells)


def _columns(tables: SubjectTables, scans: Mapping[str, Path], unit: Unit) -> Iterator[_TimeRecord]:
    columns = next(iter(tables.sessions.values()), Row())
    missing = MISSING_CODES if unit in ("date", "age") else ()
    for name in TIME_COLUMNS[unit]:
        if name in columns:
            cells = {v: text_of(tables.sessions.get(v, Row()).get(name), missing) for v in scans}
            what = f"sub-*_sessions.tsv, column {name}"
            yield _TimeRecord(what, f"{tables.sessions_path}, column {name}", READERS[unit], cells)


def _scan_dates(tables: SubjectTables, scans: Mapping[str, Path]) -> Iterator[_TimeRecord]:
    dates = {visit: text_of(tables.scan(path).get("acq_time")) for visit, path in scans.items()}
    if any(dates.values()):
        what = "*_scans.tsv, column acq_time"
        yield _TimeRecord(what, f"{tables.folder}/**/{what}", _dates, dates)


def _complete(times: Times, scans: Iterable[str]) -> Times:
    """Check that all sessions have distinct times; raise a ValueError if not."""
    seen: dict[float, str] = {}
    for visit in scans:
        if visit not in times:
            raise ValueError(f"no value for session {visit}")
        if times[visit] in seen:
            raise ValueError(f"sessions {seen[times[visit]]} and {visit} have the same value")
        seen[times[visit]] = visit
    return times


def _numbers(unit: float) -> Callable[[Cells], Times]:
    """A reader of numbers with ``unit`` of them per year."""

    def read(cells: Cells) -> Times:
        times = {}
        for visit, cell in cells.items():
            if cell is not None:
                times[visit] = _finite(visit, cell) / unit
        return times

    return read


def _finite(visit: str, cell: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = float("nan")
    if not abs(value) < float("inf"):
        raise ValueError(f"'{cell}' of session {visit} is not a number")
    return value


def _dates(cells: Cells) -> Times:
    """Years from dates; in whole days if one of them has no time of day."""
    moments = {visit: _moment(visit, cell) for visit, cell in cells.items() if cell is not None}
    if any(cell is not None and not TIMED.match(cell) for cell in cells.values()):
        moments = {
            visit: moment.replace(hour=0, minute=0, second=0, microsecond=0)
            for visit, moment in moments.items()
        }
    return {visit: moment.timestamp() / 86400 / YEAR for visit, moment in moments.items()}


def _moment(visit: str, cell: str) -> datetime:
    """A date with at least the day; a time zone is dropped, because all are of one scanner."""
    try:
        if TIMED.match(cell):
            return datetime.fromisoformat(cell).replace(tzinfo=UTC)
        return datetime.combine(parse_date(cell), time.min, UTC)
    except ValueError:
        raise ValueError(
            f"'{cell}' of session {visit} is not a full date such as 2011-05-03"
        ) from None


def _ages(cells: Cells) -> Times:
    """Years from ages that are more precise than whole years."""
    times = _numbers(1)(cells)
    if all(value == int(value) for value in times.values()):
        raise ValueError("ages in whole years are too coarse for the time between scans")
    return times


LABEL = re.compile(r"(?P<unit>[MmDd])(?P<count>\d+)|bl|baseline", re.IGNORECASE)


def _labels(cells: Cells) -> Times:
    """Years from labels that count months (M012) or days (d0757) from the first visit."""
    times, units = {}, set()
    for visit in cells:
        match = LABEL.fullmatch(visit)
        if match is None:
            raise ValueError(f"'{visit}' is not a time; {COLUMN_TO_ADD}")
        unit = (match["unit"] or "").lower()
        units.add(unit)
        times[visit] = float(match["count"] or 0) / (MONTHS if unit == "m" else YEAR)
    if {"m", "d"} <= units:
        raise ValueError(f"labels count both months and days; {COLUMN_TO_ADD}")
    return times


READERS: dict[str, Callable[[Cells], Times]] = {
    "days": _numbers(YEAR),
    "date": _dates,
    "years": _numbers(1),
    "months": _numbers(MONTHS),
    "age": _ages,
}
