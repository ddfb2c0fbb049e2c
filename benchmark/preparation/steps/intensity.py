"""Intensities to [-1, 1]."""

import numpy as np

from longibench.benchmark.preparation.arrays import Array, Mask
from longibench.benchmark.preparation.reading.problems import CONSTANT, DamagedScanError
from longibench.benchmark.preparation.reading.raw_scan import Scan

BACKGROUND = -1.0  # darkest value of the range [-1, 1]


def scale_brain(volume: Array, brain: Mask, percentiles: tuple[float, float]) -> Array:
    """Map the robust range of the brain to [-1, 1]; everything else becomes -1.

    Args:
        volume: Intensities on the grid, (X, Y, Z).
        brain: The brain on the grid.
        percentiles: Of the brain's intensities; they become -1 and 1.

    Raises:
        DamagedScanError: The brain has no contrast.
    """
    low, high = (float(value) for value in np.percentile(volume[brain], percentiles))
    return np.where(brain, scaled(volume, low, high), np.float32(BACKGROUND))


def head_range(
    scan: Scan, background: float | None, percentiles: tuple[float, float]
) -> tuple[float, float]:
    """The intensities that become -1 and 1: the robust range of the head in a scan.

    Args:
        scan: The scan on the grid.
        background: The exact value around a head that was cut out; it becomes -1.
        percentiles: Of the head's intensities.
    """
    low, high = (float(value) for value in np.percentile(scan.head.values, percentiles))
    return low if background is None else background, high


def scaled(values: Array, low: float, high: float) -> Array:
    """Map a range of intensities to [-1, 1], and clip what is beyond.

    Raises:
        DamagedScanError: The range is empty.
    """
    if high <= low:
        raise DamagedScanError(CONSTANT, "its head has no contrast")
    return np.clip((values - low) * (2 / (high - low)) - 1, -1, 1).astype(np.float32)
