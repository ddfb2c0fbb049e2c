"""Visit times from the rows of a table."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from longibench.benchmark.cohorts.parsing.dates import MONTHS, TIME_COLUMNS, YEAR, Unit, parse_date
from longibench.benchmark.cohorts.parsing.study_files import MISSING_CODES
from longibench.benchmark.cohorts.parsing.tables import Row, number_of, plain, text_of
from longibench.benchmark.core.errors import UserError, unknown

DAYS = {"days": 1.0, "months": YEAR / MONTHS, "years": YEAR, "age": YEAR}
YOUNGEST = 2.0  # years; ages below are hundredths (as BrLP writes them), or infants


@dataclass(frozen=True)
class Clock:
    """Reads the time of a visit.

    Attributes:
        column: The column of the time.
        unit: Its unit.
        age_unit: Years in one unit of age.
    """

    column: str
    unit: Unit
    age_unit: float = 1.0

    def days(self, row: Row, where: str) -> float | None:
        """Days on the subject's clock, None if the cell is empty.

        Raises:
            UserError: Neither empty nor a date or number, or a time before the first visit.
        """
        cell = text_of(row[self.column], MISSING_CODES if self.unit in ("date", "age") else ())
        if cell is None:
            return None
        if self.unit == "date":
            try:
                return float(parse_date(cell).toordinal())
            except ValueError as error:
                raise UserError(f"{where}, column {self.column}: {error}") from error
        value = number_of(cell)
        if value is None or value < 0:
            raise UserError(
                f"{where}, column {self.column}: '{cell}': {self.unit} must be a number from 0 "
                "on: a follow-up comes after the first visit; leave the cell empty if it is unknown"
            )
        return value * DAYS[self.unit] * (self.age_unit if self.unit == "age" else 1)


def find_clock(
    column: str, unit: Unit | Literal[""], rows: list[Row], path: Path, key: str
) -> Clock:
    """Determine the clock of a table.

    Args:
        column: Column given by the user; empty to search for common spellings, days first, then
            dates, years, months, age.
        unit: Unit given by the user; empty if the column's name determines it.
        rows: The table's rows, at least one.
        path: The table, for errors.
        key: Section of the settings, such as ``readers.table``, for errors.

    Raises:
        UserError: No such column, or none that is recognised.
    """
    columns = list(rows[0])
    if column:
        name = plain(column)
        if name not in columns:
            raise unknown(f"column of {key}.time in {path}", column, columns)
        units = [unit] if unit else [known for known in TIME_COLUMNS if name in TIME_COLUMNS[known]]
        if not units:
            raise UserError(
                f"{path}: the unit of {column} is not known. Set {key}.unit: {_units()}"
            )
        return Clock(name, units[0])
    for known, names in TIME_COLUMNS.items():
        for name in names:
            filled = name in columns and any(text_of(row[name], MISSING_CODES) for row in rows)
            if filled and unit in ("", known):
                return Clock(name, known)
    raise UserError(
        f"{path}: no column of visit times was found. Set {key}.time and {key}.unit "
        f"({_units()}); it has {', '.join(columns)}"
    )


def age_unit(given: float | None, columns: Iterable[str], rows: list[Row], where: str) -> float:
    """Years in a unit of age.

    Args:
        given: The value set by the user.
        columns: The columns of ages.
        rows: The table's rows.
        where: The table and the setting, for the error.

    Raises:
        UserError: All ages are below two, and the user has not set the unit.
    """
    for column in columns if given is None else ():
        cells = (number_of(row[column], MISSING_CODES) for row in rows)
        oldest = max((age for age in cells if age is not None), default=YOUNGEST)
        if oldest < YOUNGEST:
            raise UserError(
                f"{where}: the largest age in column {column} is {oldest:g}; set it to 100 if "
                "these are hundreds of years, or to 1 if they are infants' years"
            )
    return given or 1.0


def _units() -> str:
    return ", ".join(get_args(Unit))
