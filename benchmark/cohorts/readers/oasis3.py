"""Reads OASIS-3 as downloaded: one folder per session, named by the days since entry."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field

from longibench.benchmark.cohorts.parsing.dates import YEAR
from longibench.benchmark.cohorts.parsing.repeated_rows import RepeatedRows
from longibench.benchmark.cohorts.parsing.study_files import (
    MISSING_CODES,
    NearestRows,
    existing_folder,
    find_folders,
    subfolders,
    without_row,
)
from longibench.benchmark.cohorts.parsing.study_tables import StudyTables
from longibench.benchmark.cohorts.parsing.tables import Row
from longibench.benchmark.cohorts.parsing.unread import UnreadCells
from longibench.benchmark.cohorts.parsing.values import (
    apoe4_of,
    diagnosis_of_cdr,
    sex_of_code,
)
from longibench.benchmark.cohorts.presence import nothing_in
from longibench.benchmark.cohorts.reader import (
    Covariates,
    FoundScan,
    LeftOut,
    Listing,
    Reader,
    ReaderSettings,
)
from longibench.benchmark.cohorts.readers.bids.scans import NO_T1W, T1W
from longibench.benchmark.cohorts.subject_ids import canonical_subject, canonical_visit
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.found_files import files_in, is_lost
from longibench.benchmark.settings.limits import MOST_DAYS

SESSION = re.compile(r"(OAS3\d{4})_MR_d(\d+)")
LABEL = re.compile(SESSION.pattern, re.IGNORECASE)
RUN = re.compile(r"_run-(\d+)")
DEMOGRAPHICS = ("oasisid", "ageatentry")
CLINICAL = ("oasisid", "days_to_visit", "cdrtot")
COLUMNS = frozenset(
    {"ageatentry", "gender", "educ", "apoe", "magneticfieldstrength", "cdrtot", "mmse"}
)
SCANNERS = ("label", "magneticfieldstrength")


class Oasis3Settings(ReaderSettings):
    """Which scan of a session is taken, and how clinical visits are matched.

    Attributes:
        run: Whether the first or the last T1w run is taken.
        clinical_days: How far from the scan a clinical visit may be, before or after it.
        cdr_half: The diagnosis for a Clinical Dementia Rating of 0.5.
    """

    run: Literal["first", "last"] = "first"
    clinical_days: int = Field(180, ge=0, le=MOST_DAYS)
    cdr_half: str = "CDR 0.5"


@dataclass(frozen=True)
class Tables:
    """Data from OASIS-3's tables; each may be missing.

    Attributes:
        demographics: Demographics by subject.
        clinical: Clinical visits by subject and days since entry.
        scanners: Rows of the MR table by session (``_session_in``).
    """

    demographics: dict[str, Row]
    clinical: NearestRows
    scanners: dict[str, Row]


class Oasis3(Reader, name="oasis3"):
    """``OAS30001_MR_d0757/anat2/[NIFTI/]sub-OAS30001_ses-d0757[_run-01]_T1w.nii.gz``."""

    summary = "OASIS-3 as downloaded: folders OAS3*_MR_d*, the CSV tables next to them"
    Settings = Oasis3Settings

    @classmethod
    def recognises(cls, path: Path) -> str:
        """By a session's folder."""
        session = next(find_folders(path, SESSION, depth=2), None)
        return f"it contains {session.name}" if session else ""

    def read(self, path: Path) -> Listing:
        """List the T1w scans of all sessions; time is the days since entry in a session's name.

        Raises:
            UserError: No such folder, or no session in it.
        """
        root = existing_folder(path, "the folder that contains OAS3*_MR_d*")
        unread, repeated = UnreadCells(), RepeatedRows(COLUMNS, MISSING_CODES)
        tables, notes = _tables(root, unread, repeated)
        scans: list[FoundScan] = []
        left_out: list[LeftOut] = []
        for session in find_folders(root, SESSION):
            subject, digits = session.name.split("_MR_d")
            images = _images(session)
            if not images:
                lost = next(filter(is_lost, _anat(session)), session)
                left_out.append(LeftOut(subject, f"d{digits}", *nothing_in(lost, NO_T1W)))
                continue
            known = self._covariates(tables, session.name, subject, float(digits), unread)
            scans += [
                FoundScan(subject, f"d{digits}", image, float(digits), self._order(image), known)
                for image in images
            ]
        if not scans and not left_out:
            raise UserError(
                f"{root}: not OASIS-3: it contains no folder named like OAS30001_MR_d0757"
            )
        people = {scan.subject for scan in scans}
        notes += without_row(", ".join(DEMOGRAPHICS), tables.demographics.keys(), people)
        notes += without_row(", ".join(CLINICAL), tables.clinical.subjects(), people)
        return Listing(scans, left_out, notes=notes + repeated.notes() + unread.notes())

    def _order(self, image: Path) -> tuple[bool, int, str]:
        """Plain names before those with ``acq-`` or ``echo-``, then by run."""
        match = RUN.search(image.name)
        run = int(match[1]) if match else 0
        special = "_acq-" in image.name or "_echo-" in image.name
        return special, run if self.settings.run == "first" else -run, image.name

    def _covariates(
        self, tables: Tables, session: str, subject: str, days: float, unread: UnreadCells
    ) -> Covariates:
        person = tables.demographics.get(subject, Row())
        within = self.settings.clinical_days
        rating, test = (
            tables.clinical.near(subject, days, within, column) for column in ("cdrtot", "mmse")
        )
        scanner = tables.scanners.get(_session_in(session), Row())
        half = self.settings.cdr_half
        entry = unread.age(person, "ageatentry")
        return {
            "age": None if entry is None else entry + days / YEAR,
            "sex": unread.value(person, "gender", sex_of_code),
            "education": unread.number(person, "educ"),
            "apoe4": unread.value(person, "apoe", apoe4_of),
            "diagnosis": unread.value(rating, "cdrtot", lambda cell: diagnosis_of_cdr(cell, half)),
            "mmse": unread.number(test, "mmse", MISSING_CODES),
            "field_tesla": unread.number(scanner, "magneticfieldstrength"),
        }


def _images(session: Path) -> list[Path]:
    """The T1w scans in a session's folders ``anat*`` and in theirs, such as ``NIFTI``."""
    return sorted(image for folder in _anat(session) for image in files_in(folder, T1W))


def _anat(session: Path) -> list[Path]:
    anat = [folder for folder in subfolders(session) if folder.name.startswith("anat")]
    return [*anat, *(below for folder in anat for below in subfolders(folder))]


def _tables(
    root: Path, unread: UnreadCells, repeated: RepeatedRows
) -> tuple[Tables, tuple[str, ...]]:
    files = StudyTables(root, SESSION)
    demographics, clinical, scanners = (
        files.rows(*columns) for columns in (DEMOGRAPHICS, CLINICAL, SCANNERS)
    )
    visits = [
        (canonical_subject(row["oasisid"]), days, row)
        for row in clinical
        if (days := unread.number(row, "days_to_visit")) is not None
    ]
    people = repeated.by(demographics, lambda row: canonical_subject(row["oasisid"]))
    of_sessions = [row for row in scanners if _session_in(row["label"])]
    sessions = repeated.by(of_sessions, lambda row: _session_in(row["label"]))
    return Tables(people, NearestRows(visits, repeated), sessions), files.notes()


def _session_in(label: str) -> str:
    """The session that a label names, for any padding of its days; empty if it names none."""
    match = LABEL.search(label)
    return f"{match[1].upper()} {canonical_visit(f'd{match[2]}')}" if match else ""
