"""Covariates from the cells of a table, including those that a study codes by numbers."""

from collections.abc import Collection, Mapping, Sequence

from longibench.benchmark.cohorts.parsing.problems import Problems, listed
from longibench.benchmark.cohorts.parsing.study_files import MISSING_CODES
from longibench.benchmark.cohorts.parsing.tables import Row, number_of, text_of
from longibench.benchmark.cohorts.parsing.unread import UnreadCells
from longibench.benchmark.cohorts.parsing.values import (
    NUMBERS,
    age_of,
    diagnosis_of,
    lower_bound_of,
    sex_of,
)
from longibench.benchmark.cohorts.reader import Covariates
from longibench.benchmark.cohorts.visit_table import COVARIATES
from longibench.benchmark.core.errors import UserError, unknown

READ = (*NUMBERS, "sex")  # of which a cell may be unreadable; the others are text
NAMED = ("sex", "group", "diagnosis")  # a number in them is a code, never the value itself


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
        self.unread = UnreadCells()

    @property
    def columns(self) -> Collection[str]:
        """The columns that are read."""
        return self._columns.values()

    def unused(self, has_unit: bool) -> list[str]:
        """Notes on settings of covariates without a column; ``has_unit``: one of ages was set."""
        named = {f"codes.{name}": name for name in self._codes}
        named |= {"age_unit": "age"} if has_unit else {}
        return [
            f"{self._reader}.{setting} is not used: no column of {name} was found"
            for setting, name in named.items()
            if name not in self._columns
        ]

    def check(self, rows: list[Row], problems: Problems) -> None:
        """Report numbers that stand for a sex or a diagnosis, and codes without a meaning."""
        for name, column in self._columns.items():
            cells = {text_of(row[column], MISSING_CODES): row for row in reversed(rows)}
            codes = sorted({_key(cell) for cell in cells if cell is not None})
            example = _example(name, codes)
            for cell, row in reversed(cells.items()):
                if cell is None:
                    continue
                try:
                    self._meaning(name, cell, f"{row.where}, column {column}", example)
                except UserError as error:
                    with problems.gathered():
                        raise UserError(f"{error}; its values: {listed(codes, 9)}") from error
                    break

    def read(self, row: Row) -> Covariates:
        """Covariates of a row; cells that cannot be read are counted in ``unread``.

        Raises:
            UserError: A sex or a diagnosis is coded by a number without a coding for it.
        """
        known: Covariates = {}
        for name, column in self._columns.items():
            key = name, row[column]
            if key not in self._read:
                self._read[key] = self._value(*key, f"{row.where}, column {column}")
            known[name] = self._read[key]
            if name in READ:
                self._count(name, row, column, known[name])
        return known

    def _count(self, name: str, row: Row, column: str, value: float | str | None) -> None:
        """Count a cell that cannot be read, and an age that is a lower bound."""
        text = text_of(row[column], MISSING_CODES)
        if text is not None and value is None:
            self.unread.add(row, column, text)
        elif text is not None and name == "age" and lower_bound_of(text) is not None:
            self.unread.add_bound(row, column, text)

    def _value(self, name: str, text: str, where: str) -> float | str | None:
        """One covariate's value from a cell."""
        cell = text_of(text, MISSING_CODES)
        value = _value(name, None if cell is None else self._meaning(name, cell, where))
        return value * self._age_unit if name == "age" and isinstance(value, float) else value

    def _meaning(self, name: str, cell: str, where: str, example: str = "") -> str:
        """A cell's text, or what it is the code of.

        Args:
            name: The covariate.
            cell: The text.
            where: Row and column, for errors.
            example: A coding, for errors.

        Raises:
            UserError: A number that stands for a sex or a diagnosis, or an unknown code.
        """
        if name in self._codes:
            return self._decoded(name, cell, where)
        if name in NAMED and number_of(cell) is not None:
            raise UserError(
                f"{where}: '{cell}' is a code. Define the codes, such as "
                f"--set {self._reader}.codes.{name}={example or _example(name)}, or omit the "
                f"column by --set {self._reader}.covariates.{name}="
            )
        return cell

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


def _example(name: str, codes: Sequence[str] = ()) -> str:
    """A coding, to show how it is written; of the codes of a sex if there are two."""
    if name == "sex":
        first, second = codes if len(codes) == 2 else ("0", "1")
        return f"{first}=M,{second}=F"
    return "0=CN,0.5=MCI,1=AD"


def _value(name: str, cell: str | None) -> float | str | None:
    if name == "age" and cell is not None:
        return age_of(cell)
    if name in NUMBERS:
        return number_of(cell)
    if name == "sex":
        return sex_of(cell)
    return diagnosis_of(cell) if name == "diagnosis" else cell
