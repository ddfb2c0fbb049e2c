"""Records of the times of a BIDS subject's sessions: columns of its tables, and labels."""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Literal

from longibench.benchmark.cohorts.parsing.dates import MONTHS, TIME_COLUMNS, YEAR, Unit, parse_date
from longibench.benchmark.cohorts.parsing.plausible import COUNTED, OLDEST, label_years
from longibench.benchmark.cohorts.parsing.study_files import MISSING_CODES
from longibench.benchmark.cohorts.parsing.tables import number_of, text_of
from longibench.benchmark.cohorts.readers.bids.tables import SessionTable, SubjectTables

COLUMN_TO_ADD = (
    "add the column days_since_first, or acq_time with dates such as 2011-05-03, to each "
    "sub-*/sub-*_sessions.tsv"
)
LABELS = "session labels"
TIMED = re.compile(r"\d{4}-\d{2}-\d{2}[T ]")  # a date with the time of day
LATER: tuple[Unit, ...] = ("date", "years", "months", "age")  # after the scans' own dates
PER_YEAR = {"days": YEAR, "months": float(MONTHS), "years": 1.0, "age": 1.0}

Times = dict[str, float]  # years by session label


class UnfitError(ValueError):
    """A record that cannot be used.

    Attributes:
        kind: Why, the same for every subject.
    """

    def __init__(self, kind: str, detail: str = "") -> None:
        """Args: why, and the same about this subject."""
        super().__init__(detail or kind)
        self.kind = kind


@dataclass(frozen=True)
class TimeRecord:
    """A record of session times.

    Attributes:
        what: Description, the same for every subject.
        where: The subject's table and column, for messages.
        unit: What the cells contain.
        cells: One cell by session label, None if it is missing.
        per_year: How many units a year has, of numbers.
    """

    what: str
    where: str
    unit: Unit | Literal["label"]
    cells: Mapping[str, str | None]
    per_year: float = 1.0

    def years(self) -> Times:
        """Years from an arbitrary start, of sessions with a value.

        Raises:
            UnfitError: A cell that cannot be read.
        """
        if self.unit == "label":
            return _of_labels(self.cells)
        if self.unit == "date":
            return _of_dates(self.cells)
        values = {v: _number(v, cell) for v, cell in self.cells.items() if cell is not None}
        years = {visit: value / self.per_year for visit, value in values.items()}
        if self.unit == "age" and not all(0 <= age <= OLDEST for age in years.values()):
            raise UnfitError(
                f"ages are not between 0 and {OLDEST:g} years; their JSON file may set Units"
            )
        if self.unit == "age" and all(age == int(age) for age in values.values()):
            raise UnfitError("ages in whole years are too coarse for the time between scans")
        return years

    def days(self) -> dict[str, date]:
        """Calendar days of a record of dates.

        Raises:
            UnfitError: A cell that cannot be read.
        """
        return {v: _moment(v, cell).date() for v, cell in self.cells.items() if cell is not None}


def time_records(tables: SubjectTables, scans: Mapping[str, Path]) -> Iterator[TimeRecord]:
    """Records with a value for at least one session, in order of reliability."""
    for table in tables.session_tables:
        yield from _columns(table, scans, "days")
    yield from _scan_dates(tables, scans)
    for unit in LATER:
        for table in tables.session_tables:
            yield from _columns(table, scans, unit)
    if any(COUNTED.fullmatch(visit) for visit in scans):
        cells = {visit: visit for visit in scans}
        yield TimeRecord(LABELS, f"{tables.folder}, {LABELS}", "label", cells)


def ages_of(tables: SubjectTables, scans: Mapping[str, Path]) -> Times:
    """Ages at the sessions, in years, from the first column that has different ones."""
    for table in tables.session_tables:
        for record in _columns(table, scans, "age"):
            numbers = {visit: number_of(cell) for visit, cell in record.cells.items()}
            ages = {v: age / record.per_year for v, age in numbers.items() if age is not None}
            if not all(0 <= age <= OLDEST for age in ages.values()):
                continue
            if len(set(ages.values())) > 1:  # else the age at the first session, repeated
                return ages
    return {}


def _columns(table: SessionTable, scans: Mapping[str, Path], unit: Unit) -> Iterator[TimeRecord]:
    missing = MISSING_CODES if unit in ("date", "age") else ()
    for name in TIME_COLUMNS[unit]:
        cells = {visit: text_of(table.row(visit).get(name), missing) for visit in scans}
        if any(cells.values()):
            scale = table.dictionary.per_year(name) if unit == "age" else PER_YEAR.get(unit, 1.0)
            what, where = f"{table.what}, column {name}", f"{table.path}, column {name}"
            yield TimeRecord(what, where, unit, cells, scale)


def _scan_dates(tables: SubjectTables, scans: Mapping[str, Path]) -> Iterator[TimeRecord]:
    dates = {visit: text_of(tables.scan(path).get("acq_time")) for visit, path in scans.items()}
    if any(dates.values()):
        what = "*_scans.tsv, column acq_time"
        yield TimeRecord(what, f"{tables.folder}/**/{what}", "date", dates)


def _number(visit: str, cell: str) -> float:
    value = number_of(cell)
    if value is None:
        raise UnfitError("a cell is not a number", f"'{cell}' of session {visit} is not a number")
    return value


def _of_dates(cells: Mapping[str, str | None]) -> Times:
    """Years from dates; in whole days if one of them has no time of day."""
    moments = {visit: _moment(visit, cell) for visit, cell in cells.items() if cell is not None}
    if any(cell is not None and not TIMED.match(cell) for cell in cells.values()):
        moments = {v: datetime.combine(day.date(), time.min, UTC) for v, day in moments.items()}
    return {visit: moment.timestamp() / 86400 / YEAR for visit, moment in moments.items()}


def _moment(visit: str, cell: str) -> datetime:
    """A date with at least the day; a time zone is dropped, because all are of one scanner."""
    with suppress(ValueError):
        if TIMED.match(cell):
            return datetime.fromisoformat(cell).replace(tzinfo=UTC)
    try:
        return datetime.combine(parse_date(cell), time.min, UTC)
    except ValueError:
        raise UnfitError(
            "a cell is not a full date",
            f"'{cell}' of session {visit} is not a full date such as 2011-05-03",
        ) from None


def _of_labels(visits: Mapping[str, str | None]) -> Times:
    """Years from labels that count months (M012) or days (d0757) from the first visit."""
    other = next((visit for visit in visits if not COUNTED.fullmatch(visit)), None)
    if other is not None:
        raise UnfitError("not all are times", f"'{other}' is not a time; {COLUMN_TO_ADD}")
    years = label_years(visits)
    if not years:
        raise UnfitError("they count both months and days; " + COLUMN_TO_ADD)
    return years
