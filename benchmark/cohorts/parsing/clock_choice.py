"""Which column of times of a table is used: the first whose times can be true."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date

from longibench.benchmark.cohorts.parsing.dates import YEAR
from longibench.benchmark.cohorts.parsing.plausible import era, too_long
from longibench.benchmark.cohorts.parsing.tables import Row
from longibench.benchmark.cohorts.parsing.visit_times import Clock
from longibench.benchmark.cohorts.subject_ids import canonical_subject
from longibench.benchmark.core.errors import UserError


def first_plausible(
    clocks: Sequence[Clock], rows: Sequence[Row], subject: str
) -> tuple[Clock, list[str]]:
    """The first clock by which subjects have times that can be true.

    It gives way to a later one by which more than twice as many have. Dates that are all
    1 January, of which only the year is left, give way to every other clock.

    Args:
        clocks: In the order of preference; at least one.
        rows: The table's rows.
        subject: The column of subjects; empty if it is not known.

    Returns:
        The clock, and a note on each that was passed over.
    """
    timed = [_timed(clock, rows, subject) for clock in clocks]
    years = [_only_years(clock, rows) for clock in clocks]
    useful = [0 if year else count for count, year in zip(timed, years, strict=True)]
    place = next(n for n, count in enumerate(useful) if 2 * count >= max(useful))
    notes = [
        f"its column {clock.column} is not used: "
        + ("every date is 1 January" if year else f"{count} subjects have times that can be true")
        for clock, count, year in list(zip(clocks, timed, years, strict=True))[:place]
    ]
    return clocks[place], notes


def is_implausible(clock: Clock, rows: Sequence[Row], subject: str) -> bool:
    """Whether subjects have several rows, and none has different times that can be true."""
    ids = [canonical_subject(row[subject]) for row in rows] if subject else []
    return len({*ids}) < len(ids) and not _timed(clock, rows, subject)


def _timed(clock: Clock, rows: Sequence[Row], subject: str) -> int:
    """How many subjects have different times that can be true.

    All, if a cell cannot be read: that is reported as a problem, with its remedy.
    """
    groups: dict[str, list[float]] = defaultdict(list)
    try:
        for row in rows if subject else ():
            if (day := clock.days(row)) is not None:
                groups[canonical_subject(row[subject])].append(day)
    except UserError:
        return len(rows)
    return sum(_can_be_true(clock, days) for days in groups.values())


def _can_be_true(clock: Clock, days: list[float]) -> bool:
    if len({*days}) < 2 or too_long({str(day): day / YEAR for day in days}):
        return False
    dates = map(date.fromordinal, map(int, days)) if clock.unit == "date" else ()
    return len({era(day) for day in dates}) < 2


def _only_years(clock: Clock, rows: Sequence[Row]) -> bool:
    """Whether every date is 1 January."""
    try:
        days = [clock.days(row) for row in rows] if clock.unit == "date" else []
    except UserError:
        return False
    known = [date.fromordinal(int(day)) for day in days if day is not None]
    return bool(known) and all((day.month, day.day) == (1, 1) for day in known)
