"""Position of the grid over a scan that is not registered."""

import numpy as np

from longibench.benchmark.core.grid import Grid
from longibench.benchmark.preparation.arrays import Affine, Box
from longibench.benchmark.preparation.reading.raw_scan import Scan


def field_of_view(box: Box, scan: Scan, grid: Grid) -> Affine:
    """Affine of the grid placed over a scan's head, axes along the world's.

    The head's box is centred; if the head is taller than the grid, its top is kept and the neck is
    cut off. If the scan has the grid's spacing and axes, the grid is moved by whole voxels of the
    scan, so that no interpolation is needed.

    Args:
        box: Smallest and largest world coordinates of the head or brain, (2, 3) in mm.
        scan: The scan.
        grid: The grid to place.
    """
    low, high = box
    extent = (np.array(grid.shape) - 1) * grid.spacing_mm
    origin = (low + high - extent) / 2
    origin[2] = max(origin[2], high[2] + grid.spacing_mm - extent[2])
    if _has_axes_of(scan, grid):
        steps = np.round((origin - scan.affine[:3, 3]) / grid.spacing_mm)
        origin = scan.affine[:3, 3] + steps * grid.spacing_mm
    affine = np.diag([grid.spacing_mm] * 3 + [1.0])
    affine[:3, 3] = origin
    return affine


def _has_axes_of(scan: Scan, grid: Grid) -> bool:
    return bool(np.allclose(scan.affine[:3, :3], np.eye(3) * grid.spacing_mm, rtol=0, atol=1e-4))
