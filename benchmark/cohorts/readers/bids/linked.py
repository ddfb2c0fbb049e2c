"""The BIDS dataset that another layout was made from, for its dates and covariates."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from longibench.benchmark.cohorts.parsing.study_files import (
    SUBJECT,
    find_folders,
    subject_folders,
)
from longibench.benchmark.cohorts.readers.bids.covariates import Covariates, find_covariates
from longibench.benchmark.cohorts.readers.bids.tables import SubjectTables
from longibench.benchmark.cohorts.subject_ids import canonical_subject
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.found_files import files_in, folders_in

TABLES = "participants.tsv, sub-*_sessions.tsv or *_scans.tsv"
PARTICIPANTS = re.compile(r"participants\.tsv")
USED = re.compile(r".+_(sessions\.tsv|scans\.tsv|T1w\.json)")


@dataclass
class LinkedDataset:
    """A BIDS dataset that the user named, and what of another layout is not in it.

    Attributes:
        key: The setting that names it.
        folders: Folders ``sub-*`` by canonical id.
        covariates: Its covariates.
    """

    key: str
    folders: dict[str, Path]
    covariates: Covariates
    _absent_people: set[str] = field(default_factory=set)
    _absent_sessions: set[tuple[str, str]] = field(default_factory=set)

    def tables(self, subject: str, folder: Path, visits: Iterable[str]) -> SubjectTables:
        """A subject's tables; if the dataset does not have the subject, those of ``folder``.

        Args:
            subject: Canonical id.
            folder: The subject's folder in the other layout.
            visits: Labels of the sessions there; those that the dataset lacks are counted.
        """
        tables = self.covariates.tables(subject, self.folders.get(subject, folder))
        if subject not in self.folders:
            self._absent_people.add(subject)
            return tables
        for visit in visits:
            listed = any(table.row(visit) for table in tables.session_tables)
            if not listed and not tables.session_folder(visit).is_dir():
                self._absent_sessions.add((subject, visit))
        return tables

    def notes(self) -> tuple[str, ...]:
        """How many participants and sessions are not in the dataset."""
        counts = (
            (len(self._absent_people), "participants"),
            (len(self._absent_sessions), "sessions of the others"),
        )
        return tuple(
            f"{self.key}: {count} {kind} are not in it: their dates and covariates are not known"
            for count, kind in counts
            if count
        )


def open_linked(root: Path, people: Iterable[str], key: str) -> LinkedDataset:
    """Open a dataset that the user named.

    Args:
        root: Its folder.
        people: Canonical ids of the participants that it should have.
        key: The setting that names it.

    Raises:
        UserError: There is none, it is of other people, or it has no table to use.
    """
    wanted = list(people)
    if not any(find_folders(root, SUBJECT, depth=1)):
        raise UserError(f"{key}={root}: it contains no folder sub-*{_instead(root, wanted)}")
    folders = subject_folders(root, "a BIDS dataset")
    shared = [folders[subject] for subject in wanted if subject in folders]
    if not shared:
        raise UserError(
            f"{key}={root}: none of the {len(wanted)} participants, such as {wanted[0]}, is in "
            f"it; it has {len(folders)} others, such as {next(iter(folders.values())).name}. "
            f"Give the dataset that the scans were made from, or leave {key} out"
        )
    if not _is_useful(root, shared):
        raise UserError(
            f"{key}={root}: there is nothing to use in it, neither {TABLES}; "
            f"leave {key} out to take times from session labels"
        )
    return LinkedDataset(key, folders, find_covariates(root))


def _is_useful(root: Path, subjects: Iterable[Path]) -> bool:
    """Whether there is a file about dates or covariates of one of the subjects."""
    if files_in(root, PARTICIPANTS):
        return True
    for folder in subjects:
        sessions = folders_in(folder)
        places = (folder, *sessions, *(session / "anat" for session in sessions))
        if any(files_in(place, USED) for place in places):
            return True
    return False


def _instead(root: Path, wanted: list[str]) -> str:
    """The dataset that was probably meant: a level or two above or below, with the same people."""
    below = {folder.parent for folder in find_folders(root, SUBJECT, depth=3)}
    for candidate in (*sorted(below), *root.absolute().parents[:2]):
        found = find_folders(candidate, SUBJECT, depth=1)
        shared = [folder for folder in found if canonical_subject(folder.name) in wanted]
        if shared and _is_useful(candidate, shared):
            return f"; did you mean {candidate}?"
    return "; give the root of the BIDS dataset"
