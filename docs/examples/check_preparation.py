"""Measures preparation against the scattered phantom's truth, for docs/preparation.md.

``python docs/examples/check_preparation.py FOLDER [subjects] [preset]`` writes raw heads (first
visit and five years later) into FOLDER, prepares them like ``run``, and prints the errors. It
continues after an interruption.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage

from longibench.benchmark.cohorts.open_cohort import read_cohort
from longibench.benchmark.cohorts.phantom.dataset import write_phantom
from longibench.benchmark.cohorts.phantom.labels import LABELS
from longibench.benchmark.cohorts.phantom.truth import (
    BRAIN_MASK,
    DSEG,
    read_pose,
    truth_file,
)
from longibench.benchmark.cohorts.readers.bids import Bids
from longibench.benchmark.core.console import Console
from longibench.benchmark.preparation.prepare import Prepared, prepare_cohort
from longibench.benchmark.preparation.steps.intensity import BACKGROUND
from longibench.benchmark.preparation.steps.quality import dice
from longibench.benchmark.preparation.store.volumes import load_nifti, read_volume
from longibench.benchmark.settings.loading import load_settings
from longibench.benchmark.settings.phantom import PhantomSettings

YEARS = 5.0
SAMPLE = 4  # every n-th voxel of the brain along each axis is sampled


@dataclass(frozen=True)
class Scan:
    """A prepared scan and the transform back to the raw scan."""

    subject: str
    visit: str
    volume: Path
    transform: NDArray[np.float64]  # the grid's world mm to the scan's

    def truth(self, dataset: Path, kind: str) -> nib.Nifti1Image:
        """A true map of the scan, on the scan's grid."""
        return nib.load(truth_file(dataset, self.subject, self.visit, kind))

    def carried(self, dataset: Path, kind: str, label: int) -> NDArray[np.float32]:
        """A true label, resampled with the stored transform: its share of each voxel."""
        image = self.truth(dataset, kind)
        grid = load_nifti(self.volume)
        matrix = np.linalg.inv(image.affine) @ self.transform @ grid.affine
        share = (np.asarray(image.dataobj) == label).astype(np.float32)
        return ndimage.affine_transform(share, matrix, output_shape=grid.shape, order=1)


def registration_errors(dataset: Path, first: Scan, later: Scan) -> NDArray[np.float64]:
    """Distance in mm of every sampled brain voxel of the first visit from its true position."""
    mask = first.truth(dataset, BRAIN_MASK)
    inside = np.argwhere(np.asarray(mask.dataobj)[::SAMPLE, ::SAMPLE, ::SAMPLE]) * SAMPLE
    points = nib.affines.apply_affine(mask.affine, inside)
    poses = [read_pose(dataset, first.subject, scan.visit) for scan in (first, later)]
    true = poses[1] @ np.linalg.inv(poses[0])
    found = later.transform @ np.linalg.inv(first.transform)
    apart = nib.affines.apply_affine(found, points) - nib.affines.apply_affine(true, points)
    return np.linalg.norm(apart, axis=1)


def brain_overlap(dataset: Path, scan: Scan) -> float:
    """Dice of the prepared volume's brain with the true one, on the grid."""
    brain = ndimage.binary_fill_holes(read_volume(str(scan.volume)) > BACKGROUND)
    return dice(np.asarray(brain), scan.carried(dataset, BRAIN_MASK, 1) >= 0.5)


def ventricle_growth(dataset: Path, scans: list[Scan]) -> float:
    """Relative change of the labelled ventricles' volume, measured on the grid."""
    first, later = (scan.carried(dataset, DSEG, LABELS["ventricle"]).sum() for scan in scans)
    return float(later / first - 1)


def true_growth(dataset: Path, scans: list[Scan]) -> float:
    """The same change of the same labels, counted on the scans' own grids."""
    first, later = (labelled_ml(scan.truth(dataset, DSEG), LABELS["ventricle"]) for scan in scans)
    return later / first - 1


def labelled_ml(image: nib.Nifti1Image, label: int) -> float:
    """Volume of a label, ml."""
    voxel_ml = abs(np.linalg.det(image.affine)) / 1000
    return float((np.asarray(image.dataobj) == label).sum() * voxel_ml)


def check(dataset: Path, prepared: Prepared) -> pd.DataFrame:
    """One row per subject: errors in mm, overlaps, and ventricle growth, measured and true."""
    rows = []
    for subject, visits in prepared.table.groupby("subject"):
        scans = [
            Scan(str(subject), row.visit, Path(row.volume), prepared.transforms[row.volume])
            for row in visits.itertuples()
        ]
        errors = registration_errors(dataset, *scans)
        rows.append(
            {
                "subject": subject,
                "median_mm": np.median(errors),
                "worst_mm": errors.max(),
                "dice": min(brain_overlap(dataset, scan) for scan in scans),
                "growth": ventricle_growth(dataset, scans),
                "true_growth": true_growth(dataset, scans),
            }
        )
    return pd.DataFrame(rows)


def main(folder: Path, subjects: int = 20, preset: str = "paper") -> None:
    """Write, prepare, measure and print."""
    console = Console()
    dataset = folder / "phantom"
    if not dataset.is_dir():
        study = PhantomSettings(subjects=subjects, scattered=True, follow_up_years=(YEARS,))
        write_phantom(dataset, study, console)
    settings = load_settings(preset)
    cohort = read_cohort(Bids, dataset, "bids")
    prepared = prepare_cohort(
        cohort, settings.grid, folder / "prepared", console, settings.preparation
    )
    table = check(dataset, prepared)
    print(table.round(3).to_string(index=False))
    ratio = table["growth"] / table["true_growth"]
    print(f"registration: median {table['median_mm'].median():.2f} mm over subjects, ", end="")
    print(f"worst voxel {table['worst_mm'].max():.2f} mm")
    print(f"brain: Dice {table['dice'].mean():.3f} on average, {table['dice'].min():.3f} at least")
    off = 100 * (ratio - 1).abs()
    print(
        f"ventricles: {100 * ratio.mean():.1f}% of the true relative change on average; "
        f"a subject is {off.mean():.1f}% off, at worst {off.max():.1f}%"
    )


if __name__ == "__main__":
    arguments = sys.argv[1:]
    if not arguments:
        sys.exit(__doc__)
    main(Path(arguments[0]), *[int(n) for n in arguments[1:2]], *arguments[2:3])
