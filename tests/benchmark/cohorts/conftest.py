"""A made-up longitudinal study, the same for every layout, and its plain BIDS version."""

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from longibench.benchmark.cohorts.open_cohort import read_cohort
from longibench.benchmark.cohorts.readers.bids import Bids
from longibench.benchmark.cohorts.visit_table import Cohort


@dataclass(frozen=True)
class Participant:
    """Somebody who never lived: the days of the scans, counted from the first."""

    number: int
    sex: str
    age: float
    group: str
    first: date
    days: tuple[int, ...]

    def dates(self) -> list[date]:
        """Dates of the scans."""
        return [self.first + timedelta(days=day) for day in self.days]


STUDY = (
    Participant(4711, "F", 71.2, "CN", date(2006, 11, 2), (0, 189, 371, 730)),
    Participant(4712, "M", 66.0, "MCI", date(2007, 2, 28), (0, 366)),
    Participant(4713, "F", 80.9, "AD", date(2011, 12, 31), (0, 175, 362)),
)


@pytest.fixture
def study() -> tuple[Participant, ...]:
    """Three participants with two to four scans, none exactly a year apart."""
    return STUDY


def _write_image(path: Path, seed: int) -> Path:
    data = np.random.default_rng(seed).integers(0, 900, (8, 9, 8)).astype(np.int16)
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(data, np.diag([20.0, 20, 20, 1])), path)
    return path


@pytest.fixture
def write_image() -> Callable[[Path, int], Path]:
    """Write a tiny scan; another seed is another image."""
    return _write_image


@pytest.fixture
def same_as_bids(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., None]:
    """Check a cohort against the plain BIDS version of the study: who, and when to a day."""

    def check(cohort: Cohort, label: Callable[[Participant], str]) -> None:
        root = tmp_path_factory.mktemp("bids")
        for person in STUDY:
            subject = f"sub-{label(person)}"
            rows = ["session_id\tacq_time"]
            for number, day in enumerate(person.dates()):
                name = f"{subject}_ses-{number:02d}_T1w.nii.gz"
                _write_image(root / subject / f"ses-{number:02d}" / "anat" / name, number)
                rows.append(f"ses-{number:02d}\t{day.isoformat()}")
            (root / subject / f"{subject}_sessions.tsv").write_text("\n".join(rows) + "\n")
        expected = read_cohort(Bids, root, "bids").visits
        assert cohort.visits["subject"].tolist() == expected["subject"].tolist()
        apart = np.abs(cohort.visits["years"].to_numpy() - expected["years"].to_numpy()) * 365.25
        assert apart.max() <= 1
        assert all(Path(path).exists() for path in cohort.visits["path"])

    return check


@pytest.fixture
def bids_errors() -> Callable[[Path], list[dict]]:
    """The errors that the BIDS validator finds in a folder."""
    if not shutil.which("bids-validator-deno"):
        pytest.skip("no bids-validator-deno")

    def find(folder: Path) -> list[dict]:
        command = ["bids-validator-deno", "--format", "json", str(folder)]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        issues = json.loads(result.stdout)["issues"]["issues"]
        return [issue for issue in issues if issue["severity"] == "error"]

    return find
