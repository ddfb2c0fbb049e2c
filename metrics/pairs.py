"""Shared by metrics of two volumes: intensities, shapes, and values derived from both."""

from collections.abc import Callable, Hashable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from longibench.metrics.metric import MetricError, Scan

Values = NDArray[np.float64]

T = TypeVar("T")


def unit_range(scan: Scan) -> Values:
    """Intensities mapped from [-1, 1] to [0, 1], (X, Y, Z) in float64, so that L = 1."""
    return (scan.voxels.astype(np.float64) + 1) / 2


def same_shape(*scans: Scan) -> None:
    """Check that volumes can be compared voxel by voxel.

    Raises:
        MetricError: Their shapes differ.
    """
    first, *others = (scan.shape for scan in scans)
    for shape in others:
        if shape != first:
            raise MetricError(f"shapes differ: {first} and {shape}")


def derive_with(scan: Scan, other: Scan, key: Hashable, compute: Callable[[Scan, Scan], T]) -> T:
    """The result of ``compute`` on two scans, cached by the first for other metrics.

    The other is cached with it: while it exists, no other scan can have its id.
    """
    return scan.derive((key, id(other)), lambda scan: (other, compute(scan, other)))[1]
