"""Jacobian of a deformation x + d(x): volume change of tissue, and folding where it is negative."""

import numpy as np

from longibench.metrics.metric import MetricError, Scan
from longibench.metrics.pairs import Values
from longibench.metrics.scan import Displacement, Spacing

LEAST = 0.01  # smaller determinants, folded ones included, count as this in a logarithm


def declared(scan: Scan) -> Displacement:
    """The deformation that the method declares for a generated volume, (3, X, Y, Z) in mm.

    Raises:
        MetricError: It declares none, or on another grid.
    """
    if scan.displacement is None:
        raise MetricError("the method declares no deformation")
    if scan.displacement.shape != (3, *scan.shape):
        raise MetricError(f"the deformation's shape is {scan.displacement.shape}")
    return scan.displacement


def determinant(displacement: Displacement, spacing_mm: Spacing) -> Values:
    """Determinant of the Jacobian of x + d(x), (X, Y, Z), by central differences.

    Args:
        displacement: (3, X, Y, Z) in mm, axes as those of the grid.
        spacing_mm: Size of a voxel along each axis.
    """
    rows = [np.gradient(part.astype(np.float64), *spacing_mm) for part in displacement]
    jacobian = np.moveaxis(np.array(rows), (0, 1), (-2, -1)) + np.eye(3)
    return np.asarray(np.linalg.det(jacobian))


def log_determinant(displacement: Displacement, spacing_mm: Spacing) -> Values:
    """Its logarithm; determinants below ``LEAST`` count as that."""
    return np.log(np.maximum(determinant(displacement, spacing_mm), LEAST))
