"""Conversion between arrays with RAS affines and ITK's images and transforms, which are LPS."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from longibench.benchmark.preparation.arrays import Affine

if TYPE_CHECKING:
    import SimpleITK


FLIP = np.diag([-1.0, -1.0, 1.0, 1.0])  # RAS to LPS and back


def to_itk(data: NDArray, affine: Affine) -> "SimpleITK.Image":
    """Wrap a volume.

    Args:
        data: Values (X, Y, Z); bool becomes uint8.
        affine: Voxel indices to RAS world mm, (4, 4); its axes must be perpendicular.
    """
    import SimpleITK

    values = data.astype(np.uint8) if data.dtype == bool else data
    image = SimpleITK.GetImageFromArray(np.ascontiguousarray(values.T))
    lps = FLIP @ affine
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((lps[:3, :3] / spacing).ravel().tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    return image


def from_itk(image: "SimpleITK.Image") -> NDArray:
    """Values (X, Y, Z) of an image."""
    import SimpleITK

    return np.ascontiguousarray(SimpleITK.GetArrayFromImage(image).T)


def matrix_of(transform: "SimpleITK.Transform") -> Affine:
    """The (4, 4) RAS matrix of a linear transform, from fixed to moving world mm."""
    origin = np.array(transform.TransformPoint((0.0, 0.0, 0.0)))
    matrix = np.eye(4)
    for axis, unit in enumerate(np.eye(3)):
        matrix[:3, axis] = np.array(transform.TransformPoint(unit.tolist())) - origin
    matrix[:3, 3] = origin
    return FLIP @ matrix @ FLIP
