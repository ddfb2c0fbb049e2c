"""Covariates from the cells of a table, including those that a study codes by numbers."""

from collections.abc import Mapping

from longibench.benchmark.cohorts.parsing.study_files import MISSING_CODES
from longibench.benchmark.cohorts.parsing.tables import Row, number_of, plain, text_of
from longibench.benchmark.cohorts.parsing.values import (
    NUMBERS,
    PARTICIPANT,
    SESSION,
    diagnosis_of,
    sex_of,
)
from longibench.benchmark.cohorts.reader import Covariates
from longibench.benchmark.cohorts.visit_table import COVARIATES
from longibench.benchmark.core.errors import UserError, unknown

# a bare "diagnosis" or "dx" of a table of visits is the visit's, not the participant's
GROUP = tuple(name for name in PARTICIPANT["group"] if name not in ("dx", "diagnosis"))
SPELLINGS = {**PARTICIPANT, **SESSION, "group": GROUP}
NAMED = ("sex", "group", "diagnosis")  # a number in them is a code, never the value itself


def covariate_columns(
    columns: list[str], given: Mapping[str, str | None], where: str, key: str
) -> dict[str, str]:
    """The column of each covariate.

    Args:
        columns: The table's columns in the plain spelling.
        given: Columns by covariate as set by the user; an empty one omits the covariate.
        where: The table, for errors.
        key: Name of the setting, for errors.

    Raises:
        UserError: A covariate or a column that does not exist.
    """
    for name in given:
        if name not in COVARIATES:
            raise unknown(f"covariate in {key}", name, COVARIATES)
    chosen: dict[str, str] = {}
    for name, spellings in SPELLINGS.items():
        if name in given:
            column = plain(given[name] or "")
            if column and column not in columns:
                raise unknown(f"column of {key}.{name} in {where}", column, columns)
        else:
            column = next((spelling for spelling in spellings if spelling in columns), "")
        if column:
            chosen[name] = column
    return chosen


class Coding:
    """Turns cells into covariates."""

    def __init__(
        self, columns: Mapping[str, str], codes: Mapping[str, str], reader: str, age_unit: float
    ) -> None:
        """Check codings.

        Args:
            columns: The column of each covariate.
            codes: By covariate, such as ``{"sex": "0=M,1=F"}``.
            reader: Section of the settings, such as ``readers.table``, for errors.
            age_unit: Years in one unit of age.

        Raises:
            UserError: An unknown covariate, or a coding that is not ``code=value,code=value``.
        """
        self._columns, self._reader, self._age_unit = columns, reader, age_unit
        self._codes = {name: self._parsed(name, text) for name, text in codes.items()}
        self._read: dict[tuple[str, str], float | str | None] = {}  # values of cells that recur

    def read(self, row: Row, where: str) -> Covariates:
        """Covariates of a row.

        Raises:
            UserError: A sex or a diagnosis is coded by a number without a coding for it.
        """
        known: Covariates = {}
        for name, column in self._columns.items():
            key = name, row[column]
            if key not in self._read:
                self._read[key] = self._value(*key, f"{where}, column {column}")
            known[name] = self._read[key]
        return known

    def _value(self, name: str, text: str, where: str) -> float | str | None:
        """One covariate's value from a cell."""
        cell = text_of(text, MISSING_CODES)
        if cell is not None and name in self._codes:
            cell = self._decoded(name, cell, where)
        elif cell is not None and name in NAMED and number_of(cell) is not None:
            raise UserError(
                f"{where}: '{cell}' is a code. Define the codes, such as "
                f"{self._reader}.codes.{name}={_example(name)}, or omit the column by "
                f"{self._reader}.covariates.{name}="
            )
        value = _value(name, cell)
        return value * self._age_unit if name == "age" and isinstance(value, float) else value

    def _parsed(self, name: str, text: str) -> dict[str, str]:
        key = f"{self._reader}.codes.{name}"
        if name not in COVARIATES:
            raise unknown(f"covariate in {self._reader}.codes", name, COVARIATES)
        entries = [entry.partition("=") for entry in text.split(",")]
        codes = {_key(code): value.strip() for code, _, value in entries}
        if not all(code and value for code, value in codes.items()):
            raise UserError(f"{key}={text}: write it as code=value,code=value: {_example(name)}")
        if name == "sex" and not all(sex_of(value) for value in codes.values()):
            raise UserError(f"{key}={text}: the values of sex are F and M")
        return codes

    def _decoded(self, name: str, cell: str, where: str) -> str:
        codes = self._codes[name]
        if _key(cell) not in codes:
            raise UserError(
                f"{where}: '{cell}' is not among {self._reader}.codes.{name}: {', '.join(codes)}"
            )
        return codes[_key(cell)]


def _key(code: str) -> str:
    """One spelling per code: ``1`` and ``1.0`` are the same."""
    number = number_of(code)
    return code.strip().lower() if number is None else f"{number:g}"


def _example(name: str) -> str:
    return "0=M,1=F" if name == "sex" else "0=CN,0.5=MCI,1=AD"


def _value(name: str, cell: str | None) -> float | str | None:
    if name in NUMBERS:
        return number_of(cell)
    if name == "sex":
        return sex_of(cell)
    return diagnosis_of(cell) if name == "diagnosis" else cell
