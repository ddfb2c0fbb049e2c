"""Clinical data of participants at a day, from ADNIMERGE and DXSUM."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from longibench.benchmark.cohorts import reader
from longibench.benchmark.cohorts.parsing.dates import YEAR, parse_date
from longibench.benchmark.cohorts.parsing.plausible import era
from longibench.benchmark.cohorts.parsing.repeated_rows import RepeatedRows
from longibench.benchmark.cohorts.parsing.study_files import MISSING_CODES
from longibench.benchmark.cohorts.parsing.tables import Row, text_of
from longibench.benchmark.cohorts.parsing.unread import UnreadCells
from longibench.benchmark.cohorts.parsing.values import diagnosis_of, sex_of
from longibench.benchmark.cohorts.readers.adni.records import nominal_tesla
from longibench.benchmark.cohorts.readers.adni.tables import Kind, newest, rows_of
from longibench.benchmark.core.errors import UserError

LAST_NUMBER = re.compile(r"(\d+)(?:\.0)?['\"]?$")
NEAR = 180  # days: largest distance of an examination from a scan (visits are 6 months apart)
COLUMNS = (
    *("ptid", "rid", "viscode", "examdate", "examdatebl", "colprot", "dxbl", "dx", "diagnosis"),
    *("age", "ptgender", "pteducat", "apoe4", "mmse", "fldstreng"),
)
DXSUM = {"1": "CN", "2": "MCI", "3": "AD"}


@dataclass(frozen=True)
class Examination:
    """A row of a table.

    Attributes:
        day: The date's ordinal.
        cells: Cells that are not missing, by squeezed column.
    """

    day: int
    cells: Row

    @property
    def table(self) -> str:
        """The table's path."""
        return self.cells.where.rpartition(", row ")[0]


class Clinical:
    """Looks up clinical data of a participant at a day."""

    def __init__(self, examinations: dict[int, list[Examination]], unread: UnreadCells) -> None:
        """Args: by RID, the last number of a participant's id; and what counts unreadable cells."""
        self.examinations = examinations
        self.repeated = RepeatedRows(frozenset({"dx", "mmse"}))
        self._unread = unread

    def of(self, subject: str) -> list[Examination]:
        """A participant's examinations."""
        return self.examinations.get(rid_of(subject), [])

    def nearest(self, subject: str, day: int, column: str) -> str | None:
        """The value of a column that is nearest in time, at most ``NEAR`` days away."""
        return self._nearest(subject, day, column).get(column)

    def _nearest(self, subject: str, day: int, column: str) -> Row:
        known = [exam for exam in self.of(subject) if column in exam.cells]
        known = [exam for exam in known if abs(exam.day - day) <= NEAR]
        best = min(known, key=lambda exam: (abs(exam.day - day), exam.day), default=None)
        if best is None:
            return Row()
        same = [e.cells for e in known if e.day == best.day and e.table == best.table]
        return self.repeated.agreeing(same, column)

    def _first(self, subject: str, column: str) -> Row:
        """The first examination that has a value which does not change."""
        rows = (exam.cells for exam in self.of(subject))
        return next((row for row in rows if column in row), Row())

    def covariates(self, subject: str, day: int) -> reader.Covariates:
        """Covariates at a day; None if no table contains them."""
        read = self._unread
        return {
            "age": self._age(subject, day),
            "sex": read.value(self._first(subject, "ptgender"), "ptgender", sex_of),
            "group": self._first(subject, "dxbl").get("dxbl"),
            "education": read.number(self._first(subject, "pteducat"), "pteducat"),
            "apoe4": read.number(self._first(subject, "apoe4"), "apoe4"),
            "diagnosis": diagnosis_of(self.nearest(subject, day, "dx")),
            "mmse": read.number(self._nearest(subject, day, "mmse"), "mmse"),
            "field_tesla": nominal_tesla(self.nearest(subject, day, "fldstreng")),
        }

    def _age(self, subject: str, day: int) -> float | None:
        """ADNIMERGE's AGE is that at EXAMDATE_bl, in every row."""
        age = self._unread.age(self._first(subject, "age"), "age")
        start = self._first(subject, "examdatebl").get("examdatebl")
        entry = parse_date(start).toordinal() if start else self._first_day(subject)
        if age is None or entry is None or era(date.fromordinal(day)):  # a shifted date has no age
            return None
        return round(age + (day - entry) / YEAR, 2)

    def _first_day(self, subject: str) -> int | None:
        return next(
            (e.day for e in self.of(subject) if e.cells.get("viscode", "").lower() == "bl"), None
        )


def rid_of(subject: str) -> int:
    """A participant's RID: the last number of the id."""
    return int(match[1]) if (match := LAST_NUMBER.search(subject)) else -1


def read_clinical(
    tables: dict[Kind, list[Path]], subjects: Iterable[str], unread: UnreadCells
) -> Clinical:
    """Read the newest ADNIMERGE and then the newest DXSUM.

    Raises:
        UserError: A date that cannot be read; the message names file, row and column.
    """
    wanted = {rid_of(subject) for subject in subjects}
    found: dict[int, list[Examination]] = defaultdict(list)
    if "merge" in tables:
        for rid, exam in _examinations(newest(tables["merge"]), wanted):
            found[rid].append(exam)
    if "diagnoses" in tables:
        for rid, exam in _examinations(newest(tables["diagnoses"]), wanted):
            if diagnosis := _stated(exam.cells.get("diagnosis") or ""):
                found[rid].append(Examination(exam.day, Row({"dx": diagnosis}, exam.cells.where)))
    return Clinical(dict(found), unread)


def _stated(cell: str) -> str | None:
    """The diagnosis of a cell of DXSUM, a code or, in some issues, a name."""
    known = DXSUM.get(cell.removesuffix(".0")) or diagnosis_of(cell)
    return known if known in DXSUM.values() else None


def _examinations(path: Path, wanted: set[int]) -> Iterator[tuple[int, Examination]]:
    for row, cells in rows_of(path, COLUMNS):
        rid = rid_of(cells["ptid"] if "ptid" in cells else cells["rid"])
        if rid not in wanted:
            continue
        _day(path, row, "examdatebl", cells.get("examdatebl", ""))  # refused where the row is known
        if day := _day(path, row, "examdate", cells["examdate"]):
            known = ((name, text_of(cell, MISSING_CODES)) for name, cell in cells.items())
            row_of = Row(((name, text) for name, text in known if text), cells.where)
            yield rid, Examination(day.toordinal(), row_of)


def _day(path: Path, row: int, column: str, cell: str) -> date | None:
    text = text_of(cell, MISSING_CODES)
    try:
        return parse_date(text) if text else None
    except ValueError as error:
        raise UserError(f"{path}: row {row}, column {column.upper()}: {error}") from error
