"""One interpolation from a scan onto the grid."""

from typing import Literal

import numpy as np
from scipy import ndimage

from longibench.benchmark.core.grid import Grid
from longibench.benchmark.preparation.arrays import Affine, Array

Order = Literal[1, 3]

FWHM_TO_SIGMA = 1 / np.sqrt(8 * np.log(2))


def resample(
    data: Array, found: Affine, wanted: Affine, grid: Grid, outside: float, order: Order = 1
) -> Array:
    """Interpolate onto a grid, after the blur that avoids aliasing in coarser voxels.

    Linear interpolation blurs, the more the further a sample lies from the voxels' centres: by
    another amount at every visit. A cubic B-spline (Thevenaz, Blu and Unser, IEEE Trans Med
    Imaging 2000; 19:739) blurs less and more evenly, but rings at cut edges; it is for whole heads.

    Args:
        data: Intensities (X, Y, Z).
        found: Their voxel indices to world mm.
        wanted: The grid's voxel indices to the same world, all transforms composed.
        grid: Shape of the result, and its spacing at the head's original size.
        outside: Value beyond the data.
        order: 1 linear, 3 cubic B-spline.
    """
    matrix = np.linalg.inv(found) @ wanted
    shift = matrix[:3, 3]
    whole = np.allclose(matrix[:3, :3], np.eye(3), atol=1e-5) and np.allclose(
        shift, shift.round(), atol=1e-3
    )
    if whole:  # not even the last bit changes
        return ndimage.affine_transform(
            data, np.eye(3), shift.round(), grid.shape, order=0, cval=outside
        )
    voxel = np.linalg.norm(found[:3, :3], axis=0)
    spacing = np.cbrt(abs(np.linalg.det(wanted[:3, :3])))  # in the scan's world
    # Variances add up: the scan's resolution and the blur give the grid's resolution.
    blur_mm = np.sqrt((spacing**2 - voxel**2).clip(min=0)) * FWHM_TO_SIGMA
    smooth = ndimage.gaussian_filter(data, blur_mm / voxel, mode="nearest")
    return ndimage.affine_transform(
        smooth, matrix[:3, :3], shift, grid.shape, order=order, cval=outside
    )
