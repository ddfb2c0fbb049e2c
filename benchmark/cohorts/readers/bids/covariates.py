"""Covariates of a BIDS dataset: participants.tsv, sessions.tsv, scans.tsv."""

import json
from dataclasses import dataclass
from pathlib import Path

from longibench.benchmark.cohorts import reader
from longibench.benchmark.cohorts.parsing.dates import TIME_COLUMNS
from longibench.benchmark.cohorts.parsing.study_files import MISSING_CODES
from longibench.benchmark.cohorts.parsing.tables import Row, number_of, read_rows, text_of
from longibench.benchmark.cohorts.parsing.values import (
    NUMBERS,
    PARTICIPANT,
    SESSION,
    diagnosis_of,
    sex_of,
)
from longibench.benchmark.cohorts.readers.bids.tables import SubjectTables
from longibench.benchmark.cohorts.subject_ids import canonical_subject
from longibench.benchmark.core.found_files import is_present, why_absent

Names = dict[str, tuple[str, ...]]

NO_SIDECAR = "a JSON file without content on disk: no field strength"


@dataclass(frozen=True)
class Covariates:
    """Looks up covariates of a participant at a session.

    Attributes:
        participants: Rows of ``participants.tsv`` by canonical id.
    """

    participants: dict[str, Row]

    def of(self, tables: SubjectTables, subject: str, visit: str, scan: Path) -> reader.Covariates:
        """Covariates of one subject at one session; a scan's own table overrides the session's."""
        known_of_scan = {name: cell for name, cell in tables.scan(scan).items() if text_of(cell)}
        known = _values(self.participants.get(subject, Row()), PARTICIPANT)
        session = tables.sessions.get(visit, Row())
        known |= _values(Row({**session, **known_of_scan}, session.where), SESSION)
        ages = (number_of(session.get(name), MISSING_CODES) for name in TIME_COLUMNS["age"])
        known["age"] = next((age for age in ages if age is not None), known.get("age"))
        if known.get("field_tesla") is None:
            known["field_tesla"] = _field_of_sidecar(tables, visit, scan)
        return known


def find_covariates(root: Path) -> Covariates:
    """Read ``participants.tsv``, if there is one."""
    path = root / "participants.tsv"
    participants: dict[str, Row] = {}
    for label, row in (read_rows(path, "participant_id") if is_present(path) else {}).items():
        participants.setdefault(canonical_subject(label), row)
    return Covariates(participants)


def _field_of_sidecar(tables: SubjectTables, visit: str, scan: Path) -> float | None:
    """``MagneticFieldStrength`` of the JSON file next to a scan."""
    path = scan.with_name(scan.name.partition(".")[0] + ".json")
    if path.name not in tables.names(path.parent):
        return None
    if problem := why_absent(path):
        tables.unread.append((visit, NO_SIDECAR, f"{path}: {problem}"))
        return None
    try:
        sidecar = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):  # a missing covariate is no reason to stop
        return None
    value = sidecar.get("MagneticFieldStrength") if isinstance(sidecar, dict) else None
    return number_of(str(value))


def _values(row: Row, names: Names) -> reader.Covariates:
    values: reader.Covariates = {}
    for covariate, spellings in names.items():
        column = next((name for name in spellings if name in row), None)
        if column is not None:
            values[covariate] = _value(covariate, row[column])
    return values


def _value(covariate: str, cell: str) -> float | str | None:
    if covariate in NUMBERS:
        return number_of(cell, MISSING_CODES)
    if covariate == "sex":
        return sex_of(cell)
    return diagnosis_of(cell) if covariate == "diagnosis" else text_of(cell, MISSING_CODES)
