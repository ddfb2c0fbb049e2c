"""What a cohort's scans are like, measured from the data, and what two cohorts have apart."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from longibench.benchmark.preparation.steps.chain import PreparedScan

COARSER = 1.5  # voxels larger by this factor are worth a warning


@dataclass(frozen=True)
class ScanTraits:
    """What one scan is like: the part of ``PreparedScan`` that is kept beside its volume."""

    skull_stripped: bool
    same_space: bool
    voxel_mm: tuple[float, float, float]
    head_litres: float


@dataclass(frozen=True)
class Traits:
    """What a cohort's scans are like.

    Attributes:
        skull_stripped: Whether most scans show only the brain.
        same_space: Whether all visits of every subject share matrix and affine.
        voxel_mm: Median voxel size, right, anterior, superior.
        head_litres: Median volume of what the scans show of the head.
    """

    skull_stripped: bool
    same_space: bool
    voxel_mm: tuple[float, float, float]
    head_litres: float


def scan_traits(scan: PreparedScan) -> ScanTraits:
    """Drop the volume."""
    return ScanTraits(scan.skull_stripped, scan.same_space, scan.voxel_mm, scan.head_litres)


def cohort_traits(scans: Sequence[ScanTraits]) -> Traits:
    """Sum up the scans of a cohort; there must be at least one."""
    x, y, z = np.median([scan.voxel_mm for scan in scans], axis=0)
    return Traits(
        skull_stripped=float(np.mean([scan.skull_stripped for scan in scans])) > 0.5,
        same_space=all(scan.same_space for scan in scans),
        voxel_mm=(float(x), float(y), float(z)),
        head_litres=float(np.median([scan.head_litres for scan in scans])),
    )


def compare_traits(train: Traits, test: Traits) -> list[str]:
    """What a reader of the results must know about the cohorts' scans.

    Args:
        train: The cohort that was trained on.
        test: The cohort that is evaluated; the same for an ordinary run.

    Returns:
        Warnings, one sentence each; empty if there is nothing to say.
    """
    warnings = []
    if train.skull_stripped != test.skull_stripped:
        warnings.append(
            f"the training scans {_shows(train)}, the evaluation scans {_shows(test)}: the models "
            "have never seen such images"
        )
    for name, traits in {"training": train, "evaluation": test}.items():
        if not traits.same_space and (name == "evaluation" or train != test):
            warnings.append(
                f"the visits of a subject of the {name} cohort do not share a space: differences "
                "between them are of position too, until they are registered"
            )
    if _much_coarser(train, test):
        warnings.append(
            f"voxel sizes differ: {_size(train)} mm in training, {_size(test)} mm in evaluation"
        )
    return warnings


def _shows(traits: Traits) -> str:
    return "show the brain only" if traits.skull_stripped else "show the whole head"


def _size(traits: Traits) -> str:
    return " x ".join(f"{side:.3g}" for side in traits.voxel_mm)


def _much_coarser(train: Traits, test: Traits) -> bool:
    ratio = np.array(train.voxel_mm) / np.array(test.voxel_mm)
    return bool(np.maximum(ratio, 1 / ratio).max() > COARSER)
