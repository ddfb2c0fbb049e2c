"""Ground truth of single visits: clean volumes, deformations, masks, labels and poses."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from longibench.benchmark.cohorts.phantom.nifti import write_nifti
from longibench.benchmark.core.errors import UserError

TRUTH = Path("derivatives", "truth")
BRAIN_MASK, DSEG, POSE = "desc-brain_mask.nii.gz", "dseg.nii.gz", "from-head_to-T1w_xfm.json"
CLEAN, WARP = "desc-clean_T1w.nii.gz", "from-visit_to-first_xfm.nii.gz"
EXPECTED = "desc-expected_T1w.nii.gz"
CLEAN_STEP = 1 / 16  # of the stored intensity: rounding stays far below a year's change
WARP_MM = 0.01
DIRECTION = "head coordinates to the world of the scan's affine, both RAS mm: world = pose @ head"


@dataclass(frozen=True)
class Voxels:
    """Ground truth of a raw scan's voxels: labels on its grid, and the head's pose (4, 4)."""

    labels: NDArray[np.uint8]
    pose: NDArray[np.float64]


def truth_file(dataset: Path, subject: str, visit: str, kind: str) -> Path:
    """Path of a ground-truth file of a scan.

    Args:
        dataset: The phantom.
        subject: Label without ``sub-``.
        visit: Label without ``ses-``.
        kind: ``BRAIN_MASK`` or ``POSE`` of a scattered phantom, ``CLEAN``, ``WARP`` or
            ``EXPECTED`` of a plain one, ``DSEG`` of either.
    """
    folder = dataset / TRUTH / f"sub-{subject}" / f"ses-{visit}" / "anat"
    return folder / f"sub-{subject}_ses-{visit}_{kind}"


def write_voxels(
    dataset: Path, subject: str, visit: str, voxels: Voxels, affine: NDArray[np.float64]
) -> None:
    """Write the ground truth of a raw scan's voxels; the images have the scan's affine."""
    labels = voxels.labels
    write_nifti(truth_file(dataset, subject, visit, DSEG), labels, affine)
    write_nifti(
        truth_file(dataset, subject, visit, BRAIN_MASK), (labels > 0).astype(np.uint8), affine
    )
    text = json.dumps({"Direction": DIRECTION, "Pose": voxels.pose.tolist()}, indent=2)
    truth_file(dataset, subject, visit, POSE).write_text(text + "\n", encoding="utf-8")


def write_clean(path: Path, clean: NDArray[np.float32], affine: NDArray[np.float64]) -> None:
    """Write a clean volume in the unit of the scans; 0 is background."""
    steps = (clean / CLEAN_STEP).round().astype(np.int16)
    write_nifti(path, steps, affine, slope=CLEAN_STEP)


def write_warp(path: Path, displacement: NDArray[np.float32], affine: NDArray[np.float64]) -> None:
    """Write a displacement (3, X, Y, Z) in mm as a field of vectors."""
    steps = (displacement / WARP_MM).round().astype(np.int16)
    write_nifti(path, np.moveaxis(steps, 0, -1)[:, :, :, None], affine, slope=WARP_MM)


def read_pose(dataset: Path, subject: str, visit: str) -> NDArray[np.float64]:
    """Read the pose of a head: head coordinates to the scan's world, RAS mm, (4, 4).

    A point of visit j is at ``pose_i @ inv(pose_j) @ point`` in visit i: exactly for skull and
    scalp, up to its atrophy for the brain.

    Raises:
        UserError: The dataset has no such scan, or is not a scattered phantom.
    """
    path = truth_file(dataset, subject, visit, POSE)
    if not path.is_file():
        raise UserError(f"{path}: no such file; only a scattered phantom has true poses")
    return np.array(json.loads(path.read_text(encoding="utf-8"))["Pose"])
