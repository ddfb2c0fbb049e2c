"""Covariates of a BIDS dataset: participants.tsv, sessions.tsv, scans.tsv."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from longibench.benchmark.cohorts import reader
from longibench.benchmark.cohorts.parsing.dates import TIME_COLUMNS
from longibench.benchmark.cohorts.parsing.repeated_rows import RepeatedRows
from longibench.benchmark.cohorts.parsing.study_files import MISSING_CODES
from longibench.benchmark.cohorts.parsing.tables import Row, number_of, text_of
from longibench.benchmark.cohorts.parsing.unread import UnreadCells
from longibench.benchmark.cohorts.parsing.values import (
    NUMBERS,
    PARTICIPANT,
    SESSION,
    diagnosis_of,
    sex_of,
)
from longibench.benchmark.cohorts.readers.bids.dictionary import DataDictionary
from longibench.benchmark.cohorts.readers.bids.participants import Participants, read_participants
from longibench.benchmark.cohorts.readers.bids.tables import (
    COLUMNS,
    SESSIONS,
    SessionTable,
    SubjectTables,
)
from longibench.benchmark.core.found_files import why_absent

Names = Mapping[str, tuple[str, ...]]
AGE = {"age": TIME_COLUMNS["age"]}

NO_SIDECAR = "a JSON file without content on disk: no field strength"


@dataclass
class Covariates:
    """Looks up covariates of participants at their sessions.

    Attributes:
        participants: Rows of ``participants.tsv``.
        repeated: Makes one row of several about the same thing.
        sessions: Description of the columns of all ``sub-*_sessions.tsv``.
    """

    participants: Participants
    repeated: RepeatedRows
    sessions: DataDictionary
    unread: UnreadCells = field(default_factory=UnreadCells)
    _without_row: set[tuple[str, str]] = field(default_factory=set)
    _unread_sidecars: set[Path] = field(default_factory=set)

    def tables(self, subject: str, folder: Path) -> SubjectTables:
        """The tables of a subject, whose folder is ``folder``."""
        listed = self.participants.sessions(subject)
        return SubjectTables(folder, self.repeated, self.sessions, listed)

    def of(self, tables: SubjectTables, subject: str, visit: str, scan: Path) -> reader.Covariates:
        """Covariates of one subject at one session; a scan's own table overrides the session's."""
        row_now = self.participants.at(subject, visit)
        known = self._values(row_now, PARTICIPANT, self.participants.dictionary)
        for table in reversed(tables.session_tables):
            row = table.row(visit)
            if table.rows and not row and table is tables.sessions:
                self._without_row.add((subject, visit))
            known |= self._values(row, {**SESSION, **_age(table)}, table.dictionary)
        known |= self._values(tables.scan(scan), SESSION, self.sessions)
        if known.get("field_tesla") is None:
            known["field_tesla"] = self._field_of_sidecar(tables, visit, scan)
        return known

    def notes(self) -> tuple[str, ...]:
        """What of the tables could not be used."""
        listed = (
            (len(self._without_row), f"{SESSIONS} has no row for {{}} of the sessions with scans"),
            (len(self._unread_sidecars), "{} JSON files next to scans cannot be read"),
        )
        return (
            *self.participants.notes(),
            *sorted(self.sessions.problems),
            *(text.format(count) for count, text in listed if count),
            *self.repeated.notes(),
            *self.unread.notes(),
        )

    def _values(self, row: Row, names: Names, dictionary: DataDictionary) -> reader.Covariates:
        """The covariates that a row has a value for, each from the first column with one."""
        values: reader.Covariates = {}
        for covariate, spellings in names.items():
            for column in spellings:
                if column not in row or text_of(row[column]) is None:
                    continue
                value = self._value(covariate, row, column, dictionary)
                if value is not None:
                    values[covariate] = value
                    break
        return values

    def _value(
        self, covariate: str, row: Row, column: str, dictionary: DataDictionary
    ) -> float | str | None:
        if covariate == "age":
            age = self.unread.age(row, column, MISSING_CODES)
            return None if age is None else age / dictionary.per_year(column)
        if covariate in NUMBERS:
            return self.unread.number(row, column, MISSING_CODES)
        code = text_of(row[column], MISSING_CODES)
        meaning = None if code is None else dictionary.meaning(column, code)
        if covariate == "sex":
            first_word = (meaning or "").partition(" ")[0]
            return sex_of(first_word) or self.unread.value(row, column, sex_of, MISSING_CODES)
        if number_of(code) is not None and covariate != "site":
            if meaning is None:  # a number is never guessed
                self.unread.add(row, column, row[column])
            code = meaning
        return diagnosis_of(code) if covariate == "diagnosis" else code

    def _field_of_sidecar(self, tables: SubjectTables, visit: str, scan: Path) -> float | None:
        """``MagneticFieldStrength`` of the JSON file next to a scan."""
        path = scan.with_name(scan.name.partition(".")[0] + ".json")
        if path.name not in tables.names(path.parent):
            return None
        if problem := why_absent(path):
            tables.unread.append((visit, NO_SIDECAR, f"{path}: {problem}"))
            return None
        try:
            sidecar = json.loads(path.read_text(encoding="utf-8-sig"))
            value = sidecar.get("MagneticFieldStrength")
        except (OSError, ValueError, AttributeError):  # a missing covariate is no reason to stop
            self._unread_sidecars.add(path)
            return None
        if value is not None and number_of(str(value)) is None:
            self._unread_sidecars.add(path)
        return number_of(str(value))


def find_covariates(root: Path) -> Covariates:
    """Read ``participants.tsv`` and the descriptions of columns at a dataset's root, if any."""
    repeated = RepeatedRows(COLUMNS)
    sessions = DataDictionary(SESSIONS).extended(root / "sessions.json")
    return Covariates(read_participants(root, repeated), repeated, sessions)


def _age(table: SessionTable) -> Names:
    return AGE if table.what == SESSIONS else {}
