"""Where the hippocampi of the template are: a chain of balls along each of them."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

# Points on the axis from head to tail (MNI mm, right side) and the radius there (mm). The left side
# is the mirror image; between two points, position and radius change linearly.
AXIS = (
    ((22.8, -8, -23.5), 5.5),
    ((24.8, -13, -20), 6.5),
    ((28, -18, -17.5), 6.0),
    ((30, -24, -13), 5.5),
    ((29, -30, -9.5), 5.0),
    ((26, -36, -4), 5.0),
    ((16, -38, 3), 3.0),
)
BALLS = 8  # between two points
BOX = ((-45, 45), (-55, 10), (-40, 20))  # MNI mm along x, y and z; holds all balls and their edges
EDGE_MM = 0.7  # standard deviation of the soft edge


def hippocampi(grey: NDArray[np.float32], affine: NDArray[np.float64]) -> NDArray[np.float32]:
    """Share of hippocampus in each voxel, (X, Y, Z): the grey matter within the balls.

    Args:
        grey: Share of grey matter, with voxels of 1 mm.
        affine: Voxel indices to MNI mm, (4, 4); axes along the world's, ascending.
    """
    axes = [affine[i, 3] + affine[i, i] * np.arange(side) for i, side in enumerate(grey.shape)]
    near = tuple(
        slice(*np.searchsorted(axis, limits)) for axis, limits in zip(axes, BOX, strict=True)
    )
    at_points = (axis[part] for axis, part in zip(axes, near, strict=True))
    x, y, z = np.meshgrid(*at_points, indexing="ij", sparse=True)
    points = np.array([(*middle, radius) for middle, radius in AXIS])
    at = np.linspace(0, len(AXIS) - 1, BALLS * (len(AXIS) - 1) + 1)
    chain = np.stack([np.interp(at, range(len(AXIS)), column) for column in points.T], axis=1)
    inside = np.zeros(grey[near].shape, bool)
    for right, front, top, radius in chain:
        inside |= (np.abs(x) - right) ** 2 + (y - front) ** 2 + (z - top) ** 2 < radius**2
    share = np.zeros_like(grey)
    share[near] = ndimage.gaussian_filter(inside.astype(np.float32), EDGE_MM) * grey[near]
    return share
