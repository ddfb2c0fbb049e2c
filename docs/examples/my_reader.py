"""A complete reader: ``<subject>/<YYYY-MM-DD>.nii.gz``, one folder a subject, one file a visit."""

from pathlib import Path

from longibench.benchmark.cohorts.parsing.study_files import day_of, existing_folder, subfolders
from longibench.benchmark.cohorts.reader import FoundScan, LeftOut, Listing, Reader
from longibench.benchmark.cohorts.subject_ids import canonical_subject


class Dated(Reader, name="dated"):
    """One folder per person, whose files are named by the day of the scan."""

    summary = "one folder per person, files named YYYY-MM-DD.nii.gz"

    @classmethod
    def recognises(cls, path: Path) -> str:
        """By the first file that is named by a date."""
        first = next(path.glob("*/????-??-??.nii.gz"), None)
        return f"it holds {first.parent.name}/{first.name}" if first else ""

    def read(self, path: Path) -> Listing:
        """List all scans; files whose name is no date are left out."""
        scans, left_out = [], []
        for folder in subfolders(existing_folder(path, "the folder with one folder per person")):
            subject = canonical_subject(folder.name)
            for file in sorted(folder.glob("*.nii.gz")):
                visit = file.name.removesuffix(".nii.gz")
                day = day_of(visit)
                if day is None:
                    left_out.append(LeftOut(subject, visit, "its name is no date", str(file)))
                else:
                    scans.append(FoundScan(subject, visit, file, day))
        return Listing(scans, left_out)
