"""Reads Clinica's t1-linear output (CAPS): scans that are in MNI152 already."""

import os
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
from longibench.benchmark.cohorts.reader import FoundScan, LeftOut, Listing, Reader, ReaderSettings
from longibench.benchmark.cohorts.readers.bids.covariates import Covariates, find_covariates
from longibench.benchmark.cohorts.readers.bids.scans import NO_T1W, SESSION, T1W
from longibench.benchmark.cohorts.readers.bids.tables import SubjectTables
from longibench.benchmark.cohorts.readers.bids.times import NoTimeError, visit_years
from longibench.benchmark.core.found_files import files_in
from longibench.benchmark.settings.preparation import Step

NO_TIME = "no time for its session"
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
        bids = self._bids()
        covariates = find_covariates(bids or root)
        scans: list[FoundScan] = []
        left_out: list[LeftOut] = []
        for subject, folder in subject_folders(root, "CAPS").items():
            tables = SubjectTables(bids / folder.name if bids else folder)
            found, problems = self._subject(subject, folder, tables, covariates)
            scans += found
            left_out += problems
        done: frozenset[Step] = frozenset({"bias", "registration"})
        return Listing(scans, left_out, done, space="MNI152", notes=NOTES)

    def _bids(self) -> Path | None:
        if not self.settings.bids:
            return None
        return existing_folder(
            Path(os.path.expanduser(self.settings.bids)), "readers.caps.bids a BIDS dataset"
        )

    def _subject(
        self, subject: str, folder: Path, tables: SubjectTables, covariates: Covariates
    ) -> tuple[list[FoundScan], list[LeftOut]]:
        images = {
            session.name.removeprefix("ses-"): files_in(session / "t1_linear", T1W)
            for session in find_folders(folder, SESSION, depth=1)
        }
        left_out = [
            LeftOut(subject, visit, *nothing_in(folder / f"ses-{visit}" / "t1_linear", NO_T1W))
            for visit, paths in images.items()
            if not paths
        ]
        if not images:
            left_out.append(LeftOut(subject, "", *nothing_in(folder, NO_T1W)))
        first = {visit: paths[0] for visit, paths in images.items() if paths}
        try:
            raw = {visit: _as_found(tables, visit) or image for visit, image in first.items()}
            years = visit_years(tables, raw)[0] if len(first) > 1 else dict.fromkeys(first, 0.0)
        except NoTimeError as error:
            return [], left_out + [LeftOut(subject, v, NO_TIME, str(error)) for v in first]
        found = [
            FoundScan(
                subject,
                visit,
                image,
                years[visit] * YEAR,
                (self._unwanted(image), image.name),
                covariates.of(tables, subject, visit, raw[visit]),
            )
            for visit in first
            for image in images[visit]
        ]
        return found, left_out + [LeftOut(subject, *entry) for entry in tables.unread]

    def _unwanted(self, image: Path) -> bool:
        return ("_desc-Crop_" in image.name) != (self.settings.crop == "cropped")


def _as_found(tables: SubjectTables, visit: str) -> Path | None:
    """The scan of a visit in the BIDS dataset, which its tables name."""
    scans = files_in(tables.folder / f"ses-{visit}" / "anat", T1W)
    return scans[0] if scans else None
