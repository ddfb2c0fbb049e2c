"""Builds downloads from LONI's archive: people who never lived, tiny images, the real layout."""

from datetime import date
from pathlib import Path

import pytest

from longibench.benchmark.cohorts.open_cohort import read_cohort
from longibench.benchmark.cohorts.readers.adni import Adni
from longibench.benchmark.cohorts.visit_table import Cohort

SCALED = "MPR; GradWarp; B1 Correction; N3; Scaled"
HEADER = (
    "Image Data ID,Subject,Group,Sex,Age,Visit,Modality,Description,Type,Acq Date,Format,Downloaded"
)
MERGE = (
    "RID,COLPROT,PTID,SITE,VISCODE,EXAMDATE,DX_bl,AGE,PTGENDER,PTEDUCAT,APOE4,MMSE,FLDSTRENG,DX,"
    "EXAMDATE_bl"
)


def slashes(day: date) -> str:
    return f"{day.month}/{day.day}/{day.year}"


class Download:
    """Builds a download: images in the archive's folders, and the collection's table."""

    header = HEADER
    merge_header = MERGE

    def __init__(self, root: Path) -> None:
        self.root = root
        self.rows: list[str] = []
        self.count = 40000

    def read(self, **settings: object) -> Cohort:
        return read_cohort(Adni, self.root, "adni", settings)

    def leaf(self, subject: str, day: date | str, description: str = SCALED) -> Path:
        self.count += 1
        named = "".join(c if c.isalnum() or c == "-" else "_" for c in description)
        stamp = f"{day}_08_16_44.0" if isinstance(day, date) else day
        leaf = self.root / "ADNI" / subject / named / stamp / f"I{self.count}"
        leaf.mkdir(parents=True)
        return leaf

    def scan(
        self,
        subject: str,
        day: date | str,
        visit: str = "",
        description: str = SCALED,
        kind: str = "Processed",
    ) -> Path:
        """Add an image and its row; a visit of ``-`` keeps it out of the table."""
        leaf = self.leaf(subject, day, description)
        series = self.count - 20000
        name = f"ADNI_{subject}_MR_x_Br_20210219173850420_S{series}_I{self.count}.nii"
        (leaf / name).write_bytes(str(self.count).encode())
        if visit != "-":
            self.list_row(
                subject, visit, slashes(day) if isinstance(day, date) else "", kind, description
            )
        return leaf / name

    def list_row(
        self, subject: str, visit: str, acquired: str, kind: str = "Processed", name: str = SCALED
    ) -> None:
        cells = [
            f"I{self.count}",
            subject,
            "MCI",
            "F",
            "71",
            visit,
            "MRI",
            name,
            kind,
            acquired,
            "NiFTI",
            "",
        ]
        self.rows.append(",".join(f'"{cell}"' for cell in cells))

    def write_rows(
        self, header: str = HEADER, name: str = "t1_7_04_2026.csv", bom: str = ""
    ) -> Path:
        path = self.root / name
        path.write_text("\n".join([bom + header, *self.rows, ""]), encoding="utf-8")
        return path


@pytest.fixture
def download(tmp_path: Path) -> Download:
    """An empty download."""
    return Download(tmp_path / "loni")
