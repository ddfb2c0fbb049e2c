"""Reads Clinica's t1-linear output (CAPS): scans that are in MNI152 already."""

from os.path import expanduser
from pathlib import Path
from typing import Literal

from longibench.benchmark.cohorts.parsing.dates import YEAR
from longibench.benchmark.cohorts.parsing.study_files import (
    SUBJECT,
    existing_folder,
    find_folders,
    subject_folders,
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
from longibench.benchmark.cohorts.readers.bids.covariates import find_covariates
from longibench.benchmark.cohorts.readers.bids.linked import open_linked
from longibench.benchmark.cohorts.readers.bids.reader import NO_TIME, time_notes
from longibench.benchmark.cohorts.readers.bids.scans import (
    NO_T1W,
    SUFFIX,
    T1W,
    one_folder_each,
    plainest,
)
from longibench.benchmark.cohorts.readers.bids.tables import SESSION_FOLDER, SubjectTables
from longibench.benchmark.cohorts.readers.bids.times import NoTimeError, Timed, visit_years
from longibench.benchmark.core.found_files import files_in
from longibench.benchmark.settings.preparation import Step

KEY = "readers.caps.bids"
NOTES = (
    "t1-linear registers every visit separately, by an affine with 12 parameters: this removes a "
    "part of the change between visits, which a registration within subjects would preserve",
    "t1-linear's template is MNI152NLin2009cSym, the benchmark's 2009aSym: the same brain in the "
    "same position, with a difference below one voxel",
)


class CapsSettings(ReaderSettings):
    """Which output is taken, and where the dates are.

    Attributes:
        crop: Whether the ``full`` field of view or the ``cropped`` one (169 x 208 x 179) is taken
            if there are both.
        bids: The BIDS dataset that t1-linear was run on, for its dates and covariates; without it
            time comes from the session labels (``M006``), and no covariates are known.
    """

    crop: Literal["full", "cropped"] = "full"
    bids: str = ""


class Caps(Reader, name="caps"):
    """``subjects/<sub>/<ses>/t1_linear/*_space-MNI152NLin2009cSym_[desc-Crop_]*_T1w.nii.gz``."""

    summary = "Clinica's CAPS with t1-linear output, in MNI152 already"
    Settings = CapsSettings

    @classmethod
    def recognises(cls, path: Path) -> str:
        """By its folder ``subjects`` with folders ``sub-*``."""
        subject = next(find_folders(path / "subjects", SUBJECT, depth=1), None)
        return f"it contains subjects/{subject.name}" if subject else ""

    def read(self, path: Path) -> Listing:
        """List the scans of all sessions whose time is known.

        Raises:
            UserError: No such folder, not CAPS, two folders of one person, or no times at all.
        """
        root = existing_folder(path, "the CAPS folder, which contains subjects/") / "subjects"
        dataset = self._dataset()
        folders = subject_folders(root, "CAPS")
        bids = open_linked(dataset, folders, KEY) if dataset else None
        covariates = bids.covariates if bids else find_covariates(root)
        scans: list[FoundScan] = []
        left_out: list[LeftOut] = []
        times: list[Timed] = []
        for subject, folder in folders.items():
            images, problems = _images(subject, folder)
            left_out += problems
            tables = (
                bids.tables(subject, folder, images) if bids else covariates.tables(subject, folder)
            )
            try:
                times.append(_times(tables, images))
            except NoTimeError as error:
                left_out += [LeftOut(subject, v, NO_TIME, str(error)) for v in images]
                left_out += [LeftOut(subject, *entry) for entry in tables.unread]
                continue
            for visit, paths in images.items():
                known = covariates.of(tables, subject, visit, _raw(tables, visit, paths))
                days = times[-1].years.get(visit, 0.0) * YEAR
                scans += self._found(subject, visit, paths, days, known)
            left_out += [LeftOut(subject, *entry) for entry in tables.unread]
        done: frozenset[Step] = frozenset({"bias", "registration"})
        notes = (*NOTES, *(bids.notes() if bids else ()), *time_notes(times), *covariates.notes())
        notes += self._other_crop(scans)
        return Listing(scans, left_out, done, space="MNI152", notes=notes)

    def _dataset(self) -> Path | None:
        given = self.settings.bids
        return existing_folder(Path(expanduser(given)), f"{KEY} a BIDS dataset") if given else None

    def _found(
        self, subject: str, visit: str, images: list[Path], days: float, known: Covariates
    ) -> list[FoundScan]:
        return [
            FoundScan(subject, visit, image, days, (self._unwanted(image), image.name), known)
            for image in images
        ]

    def _other_crop(self, scans: list[FoundScan]) -> tuple[str, ...]:
        """A note on sessions that have only the other field of view."""
        sessions = {(scan.subject, scan.visit) for scan in scans}
        wanted = {(scan.subject, scan.visit) for scan in scans if not self._unwanted(scan.path)}
        count, crop = len(sessions - wanted), self.settings.crop
        note = f"readers.caps.crop={crop}: {count} of {len(sessions)} sessions have only the other"
        return (note,) if count else ()

    def _unwanted(self, image: Path) -> bool:
        return ("_desc-Crop_" in image.name) != (self.settings.crop == "cropped")


def _images(subject: str, folder: Path) -> tuple[dict[str, list[Path]], list[LeftOut]]:
    """Output of each session by its label, and what is left out."""
    sessions, same = one_folder_each([*find_folders(folder, SESSION_FOLDER, depth=1)])
    images = {
        session.name.removeprefix("ses-"): files_in(session / "t1_linear", T1W)
        for session in sessions
    }
    without = [
        (visit, *nothing_in(folder / f"ses-{visit}" / "t1_linear", NO_T1W))
        for visit, paths in images.items()
        if not paths
    ]
    if not images and not same:
        without.append(("", *nothing_in(folder, NO_T1W)))
    left_out = [LeftOut(subject, *entry) for entry in (*same, *without)]
    return {visit: paths for visit, paths in images.items() if paths}, left_out


def _times(tables: SubjectTables, images: dict[str, list[Path]]) -> Timed:
    """Times of a subject's sessions; a single one needs none."""
    raw = {visit: _raw(tables, visit, paths) for visit, paths in images.items()}
    return visit_years(tables, raw) if len(raw) > 1 else Timed({}, "")


def _raw(tables: SubjectTables, visit: str, images: list[Path]) -> Path:
    """A visit's scan in the BIDS dataset, on disk or only listed in ``*_scans.tsv``.

    It is the output's first image if there is neither.
    """
    session = tables.session_folder(visit)
    names = [name for name in tables.names(session / "anat") if SUFFIX.search(name)]
    if not names:
        rows = (row for table in tables.scans(session).values() for row in table.values())
        names = [Path(row["filename"]).name for row in rows if SUFFIX.search(row["filename"])]
    return plainest([session / "anat" / name for name in names]) or images[0]
