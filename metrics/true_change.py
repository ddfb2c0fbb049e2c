"""The change of anatomy that was simulated, and the change that was generated, voxel by voxel."""

import numpy as np

from longibench.metrics.masks import Mask, source_mask
from longibench.metrics.metric import MetricError, Scan
from longibench.metrics.pairs import Values, derive_with, same_shape
from longibench.metrics.scan import Truth

NO_TRUTH = "no truth: only the phantom has it"
LARGEST = 0.05  # share of the source's head whose true change counts as large


def truth_of(scan: Scan) -> Truth:
    """What was simulated at a scan's visit.

    Raises:
        MetricError: The scan has no truth.
    """
    if scan.truth is None:
        raise MetricError(NO_TRUTH)
    return scan.truth


def true_change(scan: Scan, source: Scan) -> Values:
    """Change of anatomy alone since the source, (n,) in the source's head, in intensities.

    Raises:
        MetricError: There is no truth, or no head is found in the source.
    """
    after, before = truth_of(scan).clean, truth_of(source).clean

    def compute(scan: Scan, source: Scan) -> Values:
        return (after.astype(np.float64) - before)[source_mask(source)]

    return derive_with(scan, source, "true change", compute)


def generated_change(scan: Scan, source: Scan) -> Values:
    """Change of a scan since the source as a method gets it, (n,) in the source's head.

    Raises:
        MetricError: The shapes differ, or no head is found in the source.
    """
    same_shape(scan, source)

    def compute(scan: Scan, source: Scan) -> Values:
        return (scan.voxels.astype(np.float64) - source.voxels)[source_mask(source)]

    return derive_with(scan, source, "change of voxels", compute)


def largest_change(true: Values) -> Mask:
    """Where the true change is among the ``LARGEST`` share, (n,); nowhere without a change.

    Args:
        true: The true change, (n,).
    """
    size = np.abs(true)
    return np.asarray((size >= np.quantile(size, 1 - LARGEST)) & (size > 0))
