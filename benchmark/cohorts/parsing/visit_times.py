"""Visit times from the rows of a table."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from longibench.benchmark.cohorts.parsing.column_roles import time_candidate
from longibench.benchmark.cohorts.parsing.date_proposals import propose_style
from longibench.benchmark.cohorts.parsing.dates import (
    AMERICAN,
    MONTHS,
    TIME_COLUMNS,
    YEAR,
    Unit,
    fitting_styles,
    parse_date,
)
from longibench.benchmark.cohorts.parsing.grids import plain
from longibench.benchmark.cohorts.parsing.numbers import DOTTED
from longibench.benchmark.cohorts.parsing.plausible import OLDEST
from longibench.benchmark.cohorts.parsing.problems import Problems, listed, option
from longibench.benchmark.cohorts.parsing.study_files import MISSING_CODES
from longibench.benchmark.cohorts.parsing.tables import Row, Table, number_of, text_of
from longibench.benchmark.cohorts.parsing.values import lower_bound_of
from longibench.benchmark.core.errors import UserError, unknown

DAYS = {"days": 1.0, "months": YEAR / MONTHS, "years": YEAR, "age": YEAR}
YOUNGEST = 2.0  # years; ages below are hundredths (as BrLP writes them), or infants
DAY_FIRST = "%d/%m/%Y"


@dataclass(frozen=True)
class Clock:
    """Reads the time of a visit.

    Attributes:
        column: The column of the time.
        unit: Its unit.
        age_unit: Years in one unit of age.
        style: Format of its dates, as ``parse_date`` takes it.
    """

    column: str
    unit: Unit
    age_unit: float = 1.0
    style: str = ""

    def text(self, row: Row) -> str | None:
        """The cell's text; None if it is empty."""
        return text_of(row[self.column], MISSING_CODES if self.unit in ("date", "age") else ())

    def days(self, row: Row) -> float | None:
        """Days on the subject's clock, None if the cell is empty.

        Raises:
            UserError: Neither empty nor a date or number, or a time before the first visit.
        """
        cell = self.text(row)
        return None if cell is None else self._days(cell, row)

    def _days(self, cell: str, row: Row) -> float:
        where = f"{row.where}, column {self.column}: "
        if self.unit == "date":
            try:
                return float(parse_date(cell, self.style).toordinal())
            except ValueError as error:
                raise UserError(f"{where}{error}") from error
        value = number_of(cell)
        if value is None and lower_bound_of(cell) is not None:
            raise UserError(
                f"{where}'{cell}' is a lower bound, not a time; leave the cell empty, or set "
                "another column of times"
            )
        bare = cell.replace(",", ".")
        if value is None and DOTTED.fullmatch(bare):
            whole = bare.replace(".", "")
            raise UserError(f"{where}'{cell}' may be {whole} or {bare}0; write it so")
        if value is None or value < 0:
            raise UserError(
                f"{where}'{cell}': {self.unit} must be a number from 0 on: a follow-up comes after "
                "the first visit; leave the cell empty if it is unknown"
            )
        return value * DAYS[self.unit] * (self.age_unit if self.unit == "age" else 1)

    def check(self, rows: list[Row], problems: Problems, key: str) -> None:
        """Report cells that are no times, with the date format that would fit."""
        cells: dict[str, Row] = {}
        for row in rows:
            cells.setdefault(self.text(row) or "", row)
        cells.pop("", None)
        wrong = {cell: row for cell, row in cells.items() if not self._reads(cell, row)}
        if not wrong:
            return
        if self.unit == "date" and not self.style:
            wrong = propose_style(self.column, cells, wrong, problems, key)
        if wrong:
            cell, row = next(iter(wrong.items()))
            with problems.gathered():
                self._days(cell, row)
        others = [f"'{cell}' in row {row.number}" for cell, row in wrong.items()][1:]
        if others:
            problems.add(f"column {self.column}, also unreadable: {listed(others)}")

    def note(self, rows: list[Row], key: str) -> str:
        """How the column is read."""
        dates = [cell for row in rows if (cell := self.text(row)) and AMERICAN.match(cell)]
        if self.unit != "date" or self.style or DAY_FIRST not in fitting_styles({*dates}):
            return f"time from its column {self.column}, read as {self.unit}"
        return (
            f"time from its column {self.column}, read as date, month/day/year; if they are "
            f"day/month/year: {option(f'{key}.date_format', DAY_FIRST)}"
        )

    def _reads(self, cell: str, row: Row) -> bool:
        try:
            self._days(cell, row)
        except UserError:
            return False
        return True


def find_clock(
    column: str, unit: Unit | Literal[""], table: Table, problems: Problems, key: str
) -> Clock | None:
    """The clock of the column that the user set, or a likely one if none was recognised.

    Args:
        column: Column given by the user; empty if none was.
        unit: Unit given by the user; empty if the column's name determines it.
        table: The table.
        problems: Where it is reported that there is no column, or none that is recognised.
        key: Section of the settings, such as ``readers.table``.

    Returns:
        The clock; a likely one or None if a problem was reported.
    """
    if column:
        return _given(column, unit, table, problems, key)
    likely, its_unit = time_candidate(table)
    its_unit = unit or its_unit
    problems.add(
        f"no column of visit times was found. Set {key}.time and {key}.unit ({_units()})",
        f"{option(f'{key}.time', likely or 'COLUMN')} --set {key}.unit={its_unit or 'UNIT'}",
    )
    return Clock(likely, its_unit) if likely and its_unit else None


def clocks_by_name(unit: Unit | Literal[""], style: str, table: Table) -> list[Clock]:
    """Clocks of the columns with common spellings: days first, then dates, years, months, age."""
    return [
        Clock(name, known, style=style)
        for known, names in TIME_COLUMNS.items()
        for name in names
        if unit in ("", known)
        and name in table.columns
        and any(text_of(row[name], MISSING_CODES) for row in table.rows)
    ]


def _given(
    column: str, unit: Unit | Literal[""], table: Table, problems: Problems, key: str
) -> Clock | None:
    """The clock of the column that the user set."""
    name = plain(column) if plain(column) in table.columns else column
    if name not in table.columns:
        problems.add(str(unknown(f"column of {key}.time", column, table.columns)))
        return None
    units = [unit] if unit else [known for known in TIME_COLUMNS if name in TIME_COLUMNS[known]]
    if not units:
        candidate, likely = time_candidate(table)
        units = [likely] if candidate == name and likely else []
        problems.add(
            f"the unit of {column} is not known. Set {key}.unit: {_units()}",
            f"--set {key}.unit={units[0] if units else 'UNIT'}",
        )
    return Clock(name, units[0]) if units else None


def age_unit(given: float | None, columns: Iterable[str], rows: list[Row], key: str) -> float:
    """Years in a unit of age.

    Args:
        given: The value set by the user.
        columns: The columns of ages.
        rows: The table's rows.
        key: The setting, for the error.

    Raises:
        UserError: All ages are below two or above 120, and the user has not set the unit.
    """
    for column in columns if given is None else ():
        cells = (number_of(row[column], MISSING_CODES) for row in rows)
        ages = [age for age in cells if age is not None]
        if ages and max(ages) < YOUNGEST:
            raise UserError(
                f"{key}: the largest age in column {column} is {max(ages):g}; set it to 100 if "
                "these are hundreds of years, or to 1 if they are infants' years"
            )
        if ages and min(ages) > OLDEST:
            raise UserError(
                f"{key}: the smallest age in column {column} is {min(ages):g}; set it to 0.083333 "
                "if these are months, or to 0.0027379 if they are days"
            )
    return given or 1.0


def _units() -> str:
    return ", ".join(get_args(Unit))
