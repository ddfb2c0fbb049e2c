"""Orientation of images without one in the header."""

from typing import Any

import nibabel as nib
import numpy as np


def is_oriented(image: Any) -> bool:
    """Whether an image's header has an orientation; the Analyze format cannot store one."""
    if not isinstance(image, nib.Nifti1Pair):
        return type(image) not in (nib.AnalyzeImage, nib.Spm99AnalyzeImage, nib.Spm2AnalyzeImage)
    return int(image.header["qform_code"]) > 0 or int(image.header["sform_code"]) > 0


def oriented(image: Any, axes: str) -> Any:
    """Give an image an affine from the directions of its axes.

    Args:
        image: A 3D image without an orientation in its header.
        axes: Direction of each voxel axis: ``"ASL"`` is to the front, up, and to the left.

    Returns:
        The same voxels with their own sizes; the middle of the image lies at the world's origin.
    """
    world_axes, signs = nib.orientations.axcodes2ornt(axes).T
    affine = np.eye(4)
    affine[:3, :3] = 0
    affine[world_axes.astype(int), range(3)] = signs * image.header.get_zooms()[:3]
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(image.shape[:3]) - 1) / 2)
    return nib.Nifti1Image(np.asarray(image.dataobj), affine)
