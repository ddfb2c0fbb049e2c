"""Reads OASIS-2 as downloaded: folders of Analyze images and one demographics table."""

import re
from pathlib import Path

from pydantic import Field, field_validator

from longibench.benchmark.cohorts.parsing.repeated_rows import RepeatedRows
from longibench.benchmark.cohorts.parsing.study_files import (
    existing_folder,
    find_folders,
)
from longibench.benchmark.cohorts.parsing.study_tables import StudyTables
from longibench.benchmark.cohorts.parsing.tables import Row, number_of
from longibench.benchmark.cohorts.parsing.unread import UnreadCells
from longibench.benchmark.cohorts.parsing.values import diagnosis_of_cdr, sex_of
from longibench.benchmark.cohorts.presence import nothing_in
from longibench.benchmark.cohorts.reader import (
    NOT_ON_DISK,
    Covariates,
    FoundScan,
    LeftOut,
    Listing,
    Reader,
    ReaderSettings,
)
from longibench.benchmark.cohorts.subject_ids import canonical_subject
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.found_files import files_in, why_absent
from longibench.benchmark.settings.preparation import check_axes

MOST_NUMBER = 1000  # of an acquisition; sessions have four
SESSION = re.compile(r"(OAS2_\d{4})_MR(\d+)", re.IGNORECASE)
LABEL = re.compile(r"(OAS(?:IS)?2[_-]?\d{4})[_-](?:ses-)?MR(\d+)", re.IGNORECASE)
PART_OR_SESSION = re.compile(r"OAS2_(RAW_PART\d|\d{4}_MR\d+)", re.IGNORECASE)
IMAGE = re.compile(r"mpr-(\d+)(\.nifti)?\.(?i:img|nii|nii\.gz)")
NO_IMAGE = "a visit without a T1w scan"
NO_HEADER = "an image without its .hdr file"
NOT_LISTED = "on disk but not in the demographics table"
COLUMNS = frozenset({"mr_delay", "age", "m_f", "educ", "mmse", "cdr"})
NO_TIME = "no time for its visit"
ORIENTATION = (
    "OASIS-2's headers do not specify the voxel orientation; {axes} is assumed: check the images, "
    "or set readers.oasis2.axes"
)


class Oasis2Settings(ReaderSettings):
    """Which scan of a session is taken, and the diagnosis of a rating.

    Attributes:
        mpr: Number of the acquisition to take if it exists, else the lowest number.
        axes: Voxel orientation if the header does not specify it: front, up, left (sagittal).
        cdr_half: The diagnosis for a Clinical Dementia Rating of 0.5.
    """

    mpr: int = Field(1, ge=1, le=MOST_NUMBER)
    axes: str = "ASL"
    cdr_half: str = "CDR 0.5"

    @field_validator("axes")
    @classmethod
    def _three_directions(cls, axes: str) -> str:
        return check_axes(axes)


class Oasis2(Reader, name="oasis2"):
    """``OAS2_RAW_PART*/OAS2_0001_MR1/RAW/mpr-1.nifti.{img,hdr}`` and the demographics table."""

    summary = "OASIS-2 as downloaded: OAS2_RAW_PART1 and 2, the demographics table next to them"
    Settings = Oasis2Settings

    @classmethod
    def recognises(cls, path: Path) -> str:
        """By a part's or a session's folder."""
        found = next(find_folders(path, PART_OR_SESSION, depth=2), None)
        return f"it contains {found.name}" if found else ""

    def read(self, path: Path) -> Listing:
        """List the ``mpr-*`` images of all sessions; time is ``MR Delay``, days from the first.

        ``Group`` is not read: it is a participant's final group (Converted), not known at the
        source. The diagnosis is the visit's own rating.

        Raises:
            UserError: No such folder, or no table with ``MRI ID`` and ``MR Delay``.
        """
        root = existing_folder(path, "the folder that contains OAS2_RAW_PART1 and OAS2_RAW_PART2")
        unread, repeated = UnreadCells(), RepeatedRows(COLUMNS)
        files = StudyTables(root, SESSION)
        rows = repeated.by(_demographics(root, files), lambda row: _session_in(row["mri_id"]))
        scans: list[FoundScan] = []
        left_out: list[LeftOut] = []
        seen = set()
        for session in find_folders(root, SESSION):
            label = _session_in(session.name)
            seen.add(label)
            found, problems = self._session(session, label, rows.get(label), unread)
            scans += found
            left_out += problems
        for visit in rows.keys() - seen:
            subject, _, number = visit.partition("_MR")
            where = rows[visit].where
            left_out.append(LeftOut(subject, f"MR{number}", NOT_ON_DISK, f"{where}: no folder"))
        left_out.sort(key=lambda entry: (entry.subject, entry.visit))
        axes = self.settings.axes
        notes = (ORIENTATION.format(axes=axes), *files.notes(), *self._other_mpr(scans))
        notes += repeated.notes() + unread.notes()
        return Listing(scans, left_out, axes=axes, notes=notes)

    def _other_mpr(self, scans: list[FoundScan]) -> tuple[str, ...]:
        """A note on sessions without the acquisition that the user named."""
        sessions = {(scan.subject, scan.visit) for scan in scans}
        with_it = {(scan.subject, scan.visit) for scan in scans if not scan.preference[0]}
        count, mpr = len(sessions - with_it), self.settings.mpr
        note = f"readers.oasis2.mpr={mpr}: {count} of {len(sessions)} sessions are without it"
        return (note,) if count and "mpr" in self.settings.model_fields_set else ()

    def _session(
        self, folder: Path, label: str, row: Row | None, unread: UnreadCells
    ) -> tuple[list[FoundScan], list[LeftOut]]:
        subject, _, number = label.partition("_MR")
        visit = f"MR{number}"
        if row is None:
            return [], [LeftOut(subject, visit, *nothing_in(folder, NOT_LISTED))]
        days = number_of(row["mr_delay"])
        if days is None or days < 0:
            detail = f"MR Delay of {folder.name} is '{row['mr_delay']}'"
            return [], [LeftOut(subject, visit, NO_TIME, detail)]
        images, left_out = _images(folder)
        if not images and not left_out:
            left_out.append(("", *nothing_in(folder / "RAW", NO_IMAGE)))
        known = self._covariates(row, unread)
        return [
            FoundScan(subject, visit, image, days, (number != self.settings.mpr, number), known)
            for number, image in images
        ], [LeftOut(subject, visit, reason, detail) for _, reason, detail in left_out]

    def _covariates(self, row: Row, unread: UnreadCells) -> Covariates:
        half = self.settings.cdr_half
        return {
            "age": unread.age(row, "age"),
            "sex": unread.value(row, "m_f", sex_of),
            "education": unread.number(row, "educ"),
            "mmse": unread.number(row, "mmse"),
            "diagnosis": unread.value(row, "cdr", lambda cell: diagnosis_of_cdr(cell, half)),
        }


def _demographics(root: Path, files: StudyTables) -> list[Row]:
    """The table's rows; ``MRI ID`` is the session."""
    rows = files.rows("mri_id", "mr_delay")
    if not rows:
        seen = "".join(f"; {text}" for text in (*files.missing(), *files.unread()))
        raise UserError(
            f"{root}: no rows under the columns MRI ID and MR Delay in it or next to it{seen}; "
            "download OASIS-2's demographics and put them there, as CSV, or as .xlsx after "
            "pip install openpyxl"
        )
    return rows


def _session_in(label: str) -> str:
    """The session that a label or folder names, in one spelling; else the label."""
    match = LABEL.search(label)
    return f"{canonical_subject(match[1])}_MR{int(match[2])}" if match else label


def _images(folder: Path) -> tuple[list[tuple[int, Path]], list[tuple[str, str, str]]]:
    """Numbered images of a session, and those that cannot be used."""
    images: list[tuple[int, Path]] = []
    left_out: list[tuple[str, str, str]] = []
    for path in files_in(folder / "RAW", IMAGE):
        problem = why_absent(path.with_suffix(".hdr")) if path.suffix == ".img" else ""
        if problem:
            left_out.append((path.name, NO_HEADER, f"{path}: {problem}"))
        else:  # the .img, not the .hdr: its content identifies scans
            images.append((int(path.name.removeprefix("mpr-").partition(".")[0]), path))
    return images, left_out
