"""When the sessions of a BIDS subject took place."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from benchmark.cohorts.readers.bids.tables import SubjectTables
from benchmark.cohorts.tables import text_of
from benchmark.cohorts.times import MONTHS, TIME_COLUMNS, YEAR

COLUMN_TO_ADD = (
    "add the column days_since_first, or acq_time with dates such as 2011-05-03, to each "
    "sub-*/sub-*_sessions.tsv"
)
BARE_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")

Times = dict[str, float]  # years by session label
Cells = Mapping[str, str | None]  # one column: cell by session label


class NoTimeError(Exception):
    """Why a subject's sessions could not be put in time."""


def visit_years(tables: SubjectTables, scans: Mapping[str, Path]) -> Times:
    """Find the time of a subject's sessions, in years from an arbitrary start.

    The first source that tells all sessions apart is used: columns of ``sub-*_sessions.tsv`` (days,
    dates, years, months, age in this order), dates of ``*_scans.tsv``, labels.

    Args:
        tables: The subject's tables.
        scans: The scan of each session, by session label without ``ses-``.

    Raises:
        NoTimeError: No source serves; the message says what was tried and which column to add.
    """
    problems = []
    for where, read, cells in _sources(tables, scans):
        try:
            return _complete(read(cells), scans)
        except ValueError as error:
            problems.append(f"{where}: {error}")
    raise NoTimeError(
        "; ".join(problems)
        or f"{tables.folder.name}: no time for its sessions ({', '.join(scans)}); add the column "
        f"days_since_first or acq_time to {tables.sessions_path}"
    )


def _sources(
    tables: SubjectTables, scans: Mapping[str, Path]
) -> Iterator[tuple[str, Callable[[Cells], Times], Cells]]:
    """What may tell the time: where it stands, how it is read, and its cells."""
    sessions = tables.sessions
    columns = next(iter(sessions.values()), {})
    for names, read in READERS:
        for name in names:
            if name in columns:
                cells = {visit: text_of(sessions.get(visit, {}).get(name)) for visit in scans}
                yield f"{tables.sessions_path}, column {name}", read, cells
    dates = {visit: text_of(tables.scan(path).get("acq_time")) for visit, path in scans.items()}
    if any(dates.values()):
        yield f"{tables.folder}/**/*_scans.tsv, column acq_time", _dates, dates
    if any(LABEL.fullmatch(visit) for visit in scans):
        yield f"{tables.folder}, session labels", _labels, {visit: visit for visit in scans}


def _complete(times: Times, scans: Iterable[str]) -> Times:
    """Times that tell all sessions apart, or a ValueError."""
    seen: dict[float, str] = {}
    for visit in scans:
        if visit not in times:
            raise ValueError(f"no value for session {visit}")
        if times[visit] in seen:
            raise ValueError(f"sessions {seen[times[visit]]} and {visit} have the same value")
        seen[times[visit]] = visit
    return times


def _numbers(unit: float) -> Callable[[Cells], Times]:
    """A reader of numbers of which ``unit`` make a year."""

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
    """Years from dates; by whole days where one of them does not give the time of day."""
    moments = {visit: _moment(visit, cell) for visit, cell in cells.items() if cell is not None}
    if any(cell is not None and BARE_DATE.fullmatch(cell) for cell in cells.values()):
        moments = {
            visit: moment.replace(hour=0, minute=0, second=0, microsecond=0)
            for visit, moment in moments.items()
        }
    return {visit: moment.timestamp() / 86400 / YEAR for visit, moment in moments.items()}


def _moment(visit: str, cell: str) -> datetime:
    """An ISO date with at least the day; a time zone is dropped, for all are of one scanner."""
    if not BARE_DATE.match(cell):
        raise ValueError(f"'{cell}' of session {visit} is not a full date such as 2011-05-03")
    try:
        return datetime.fromisoformat(cell).replace(tzinfo=UTC)
    except ValueError:
        raise ValueError(f"'{cell}' of session {visit} is not a date such as 2011-05-03") from None


LABEL = re.compile(r"(?P<unit>[MmDd])(?P<count>\d+)|bl|baseline", re.IGNORECASE)


def _labels(cells: Cells) -> Times:
    """Years from labels that count months (M012) or days (d0757) from the first visit."""
    times, units = {}, set()
    for visit in cells:
        match = LABEL.fullmatch(visit)
        if match is None:
            raise ValueError(f"'{visit}' does not say when; {COLUMN_TO_ADD}")
        unit = (match["unit"] or "").lower()
        units.add(unit)
        times[visit] = float(match["count"] or 0) / (MONTHS if unit == "m" else YEAR)
    if {"m", "d"} <= units:
        raise ValueError(f"labels count both months and days; {COLUMN_TO_ADD}")
    return times


READERS: tuple[tuple[tuple[str, ...], Callable[[Cells], Times]], ...] = tuple(
    (
        names,
        _dates if unit == "date" else _numbers({"days": YEAR, "months": MONTHS}.get(unit, 1)),
    )
    for unit, names in TIME_COLUMNS.items()
)
