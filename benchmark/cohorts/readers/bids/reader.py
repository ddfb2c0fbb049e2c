"""Reads a BIDS longitudinal dataset: one row a scan, with the time since the first one."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from benchmark.cohorts.readers.bids.scans import Scans, find_scans
from benchmark.cohorts.readers.bids.tables import read_tsv, value_of
from benchmark.cohorts.readers.bids.times import COLUMN_TO_ADD, NoTimeError, visit_years
from benchmark.cohorts.subjects import canonical_subject
from benchmark.errors import UserError
from benchmark.visits import Cohort, visit_table

COVARIATES = {
    "age": ("age", "age_bl", "age_at_first_visit"),
    "sex": ("sex", "gender"),
    "group": ("group", "diagnosis", "diagnosis_sc", "dx_bl", "dx"),
}
SEXES = ("f", "female", "m", "male")
SHAREABLE = "LongibenchShareable"  # key of dataset_description.json


@dataclass
class _Found:
    """What has been gathered while reading."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    left_out: list[tuple[str, str, str]] = field(default_factory=list)
    untimed: list[str] = field(default_factory=list)


def read_bids(root: Path, name: str) -> Cohort:
    """Read ``sub-*/ses-*/anat/*_T1w.nii[.gz]`` with the time of every session.

    Time comes from ``sub-*_sessions.tsv`` or ``*_scans.tsv`` (days, dates, years, months, age),
    else from session labels that can only mean one thing (``M012``, ``d0757``).

    Args:
        root: The dataset's folder.
        name: How the user named the cohort.

    Returns:
        The cohort of all subjects with at least two scans. What was not used stands in
        ``left_out`` with its reason. Covariates ``age``, ``sex`` and ``group`` are taken from
        ``participants.tsv`` where it has them.

    Raises:
        UserError: No such folder, not BIDS, no times, two folders of one person, or nothing usable.
    """
    people = _people(root)
    found = _Found()
    for subject, folder in sorted(people.items()):
        _read_subject(subject, folder, found)
    if not found.rows:
        raise UserError(_why_nothing(root, found))
    table = visit_table(pd.DataFrame(found.rows), str(root))
    left_out = pd.DataFrame(found.left_out, columns=["subject", "visit", "reason"])
    return Cohort(name, _with_covariates(table, root), _shareable(root), left_out)


def _people(root: Path) -> dict[str, Path]:
    """Subject folders by canonical id."""
    if not root.is_dir():
        raise UserError(f"{root}: no such folder; give the root of a BIDS dataset")
    people: dict[str, Path] = {}
    for folder in sorted(root.glob("sub-*")):
        if not folder.is_dir():
            continue
        subject = canonical_subject(folder.name)
        if subject in people:
            raise UserError(
                f"{root}: {people[subject].name} and {folder.name} are the same person "
                f"({subject}); keep one folder a person"
            )
        people[subject] = folder
    if not people:
        raise UserError(f"{root}: not a BIDS dataset: it holds no folder named sub-*")
    return people


def _read_subject(subject: str, folder: Path, found: _Found) -> None:
    scans = find_scans(folder)
    found.left_out += [(subject, visit, reason) for visit, reason in scans.left_out]
    if len(scans.paths) < 2:
        for visit in scans.paths:
            found.left_out.append((subject, visit, "the subject's only scan: a pair needs two"))
        return
    try:
        years = visit_years(folder, scans.paths)
    except NoTimeError as error:
        found.untimed.append(str(error))
        found.left_out += [(subject, visit, str(error)) for visit in scans.paths]
        return
    found.rows += _rows(subject, scans, years)


def _rows(subject: str, scans: Scans, years: dict[str, float]) -> list[dict[str, Any]]:
    return [
        {"subject": subject, "visit": visit, "years": years[visit], "path": str(path)}
        for visit, path in scans.paths.items()
    ]


def _why_nothing(root: Path, found: _Found) -> str:
    if found.untimed:
        return f"{found.untimed[0]} ({COLUMN_TO_ADD})"
    if found.left_out:
        subject, visit, reason = found.left_out[0]
        return f"{root}: no subject has two usable scans; {subject}, {visit}: {reason}"
    return f"{root}: no scan was found; expected sub-*/ses-*/anat/*_T1w.nii.gz"


def _with_covariates(table: pd.DataFrame, root: Path) -> pd.DataFrame:
    """Add what ``participants.tsv`` says of everyone, where there is one."""
    path = root / "participants.tsv"
    if not path.is_file():
        return table
    people = read_tsv(path, "participant_id")
    people.index = pd.Index([canonical_subject(label) for label in people.index])
    people = people[~people.index.duplicated()]
    for covariate, names in COVARIATES.items():
        column = next((name for name in names if name in people), None)
        if column is not None:
            values = people[column].map(value_of)
            table[covariate] = _tidy(covariate, table["subject"].map(values))
    return table


def _tidy(covariate: str, values: pd.Series) -> pd.Series:
    if covariate == "age":
        return pd.to_numeric(values, errors="coerce")
    if covariate == "sex":
        return values.str.upper().str[:1].where(values.str.lower().isin(SEXES))
    return values


def _shareable(root: Path) -> bool:
    """Whether the dataset says that pictures of its participants may leave the machine."""
    path = root / "dataset_description.json"
    if not path.is_file():
        return False
    try:
        description = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read as JSON: {error}") from error
    return isinstance(description, dict) and description.get(SHAREABLE) is True
