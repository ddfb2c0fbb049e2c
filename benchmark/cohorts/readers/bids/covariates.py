"""What a BIDS dataset says of its participants: participants.tsv, sessions.tsv, scans.tsv."""

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from benchmark.cohorts import reader
from benchmark.cohorts.subjects import canonical_subject
from benchmark.cohorts.tables import number_of, read_keyed, text_of
from benchmark.cohorts.values import diagnosis_of, sex_of

PARTICIPANT = {
    "age": ("age", "age_bl", "age_at_first_visit"),
    "sex": ("sex", "gender"),
    "group": ("group", "diagnosis", "diagnosis_sc", "diagnosis_bl", "dx_bl", "dx"),
    "site": ("site", "site_id", "siteid"),
    "education": ("education_level", "education", "educ", "pteducat"),
    "apoe4": ("apoe4",),
}
SESSION = {
    "diagnosis": ("diagnosis", "dx"),
    "mmse": ("mmse",),
    "field_tesla": ("mri_field", "field_strength", "magneticfieldstrength"),
}
NUMBERS = ("age", "education", "apoe4", "mmse", "field_tesla")
Names = dict[str, tuple[str, ...]]


@dataclass
class Covariates:
    """Looks up what is known of a participant at a session."""

    people: pd.DataFrame
    _sessions: dict[Path, pd.DataFrame] = field(default_factory=dict)

    def of(self, folder: Path, subject: str, visit: str) -> reader.Covariates:
        """Covariates of one subject (its folder and id) at one session."""
        known = _values(self.people, subject, PARTICIPANT)
        return {**known, **_values(self._session_table(folder), visit, SESSION)}

    def _session_table(self, folder: Path) -> pd.DataFrame:
        if folder not in self._sessions:
            path = folder / f"{folder.name}_sessions.tsv"
            table = read_keyed(path, "session_id") if path.is_file() else pd.DataFrame()
            table.index = pd.Index([str(name).removeprefix("ses-") for name in table.index])
            self._sessions = {folder: table[~table.index.duplicated()]}  # one subject at a time
        return self._sessions[folder]


def find_covariates(root: Path) -> Covariates:
    """Read ``participants.tsv``, where there is one."""
    path = root / "participants.tsv"
    if not path.is_file():
        return Covariates(pd.DataFrame())
    people = read_keyed(path, "participant_id")
    people.index = pd.Index([canonical_subject(label) for label in people.index])
    return Covariates(people[~people.index.duplicated()])


def _values(table: pd.DataFrame, row: str, names: Names) -> reader.Covariates:
    if row not in table.index:
        return {}
    values: reader.Covariates = {}
    for covariate, spellings in names.items():
        column = next((name for name in spellings if name in table), None)
        if column is not None:
            values[covariate] = _value(covariate, str(table.at[row, column]))
    return values


def _value(covariate: str, cell: str) -> float | str | None:
    if covariate in NUMBERS:
        return number_of(cell)
    if covariate == "sex":
        return sex_of(cell)
    return diagnosis_of(cell) if covariate == "diagnosis" else text_of(cell)
