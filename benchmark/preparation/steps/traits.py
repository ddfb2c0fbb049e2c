"""Properties of a cohort's scans, measured from the data, and differences of two cohorts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from longibench.benchmark.preparation.steps.chain import PreparedScan

COARSER = 1.5  # voxels larger by this factor are worth a warning


@dataclass(frozen=True)
class ScanTraits:
    """Properties of one scan: the part of ``PreparedScan`` that is stored with its volume."""

    skull_stripped: bool
    same_space: bool
    voxel_mm: tuple[float, float, float]
    head_litres: float


@dataclass(frozen=True)
class Traits:
    """Properties of a cohort's scans.

    Attributes:
        skull_stripped: Whether most scans show only the brain.
        same_space: Whether all visits of every subject share matrix and affine.
        voxel_mm: Median voxel size, right, anterior, superior.
        head_litres: Median volume of the head in the scans.
    """

    skull_stripped: bool
    same_space: bool
    voxel_mm: tuple[float, float, float]
    head_litres: float


def scan_traits(scan: PreparedScan) -> ScanTraits:
    """The properties of a scan, without its volume."""
    return ScanTraits(scan.skull_stripped, scan.same_space, scan.voxel_mm, scan.head_litres)


def cohort_traits(scans: Sequence[ScanTraits]) -> Traits:
    """Summarise the scans of a cohort; there must be at least one."""
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
        train: The cohort of the train part.
        test: The cohort of the test part; the same for an ordinary run.

    Returns:
        Warnings, one sentence each; empty without differences.
    """
    warnings = []
    if train.skull_stripped != test.skull_stripped:
        warnings.append(
            f"the train scans {_shows(train)}, the test scans {_shows(test)}: the models "
            "were not trained on such images"
        )
    for name, traits in {"train": train, "test": test}.items():
        if not traits.same_space and (name == "test" or train != test):
            warnings.append(
                f"the visits of a subject of the {name} cohort do not share a space: until they "
                "are registered, they also differ in position"
            )
    if _much_coarser(train, test):
        warnings.append(
            f"voxel sizes differ: {_size(train)} mm in the train part, {_size(test)} mm in the "
            "test part"
        )
    return warnings


def _shows(traits: Traits) -> str:
    return "show the brain only" if traits.skull_stripped else "show the whole head"


def _size(traits: Traits) -> str:
    return " x ".join(f"{side:.3g}" for side in traits.voxel_mm)


def _much_coarser(train: Traits, test: Traits) -> bool:
    ratio = np.array(train.voxel_mm) / np.array(test.voxel_mm)
    return bool(np.maximum(ratio, 1 / ratio).max() > COARSER)
