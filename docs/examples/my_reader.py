"""A complete reader: ``<subject>/<YYYY-MM-DD>.nii.gz``, one folder a subject, one file a visit."""

import re
from pathlib import Path

from longibench.benchmark.cohorts.parsing.study_files import day_of, existing_folder, subfolders
from longibench.benchmark.cohorts.reader import FoundScan, LeftOut, Listing, Reader
from longibench.benchmark.cohorts.subject_ids import canonical_subject
from longibench.benchmark.core.found_files import files_in

SCAN = re.compile(r".+\.nii\.gz", re.IGNORECASE)


class Dated(Reader, name="dated"):
    """One folder per person, whose files are named by the day of the scan."""

    summary = "one folder per person, files named YYYY-MM-DD.nii.gz"

    @classmethod
    def recognises(cls, path: Path) -> str:
        """By the first file that is named by a date."""
        files = (file for folder in subfolders(path) for file in files_in(folder, SCAN))
        first = next((file for file in files if day_of(file.name[: -len(".nii.gz")])), None)
        return f"it holds {first.parent.name}/{first.name}" if first else ""

    def read(self, path: Path) -> Listing:
        """List all scans; files whose name is no date are left out."""
        scans, left_out = [], []
        for folder in subfolders(existing_folder(path, "the folder with one folder per person")):
            subject = canonical_subject(folder.name)
            for file in files_in(folder, SCAN):
                visit = file.name[: -len(".nii.gz")]
                day = day_of(visit)
                if day is None:
                    left_out.append(LeftOut(subject, visit, "its name is no date", str(file)))
                else:
                    scans.append(FoundScan(subject, visit, file, day))
        return Listing(scans, left_out)
