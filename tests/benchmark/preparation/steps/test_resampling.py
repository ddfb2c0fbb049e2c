"""A coarser grid has one resolution for scans with any voxel size."""

import numpy as np
import pytest
from nibabel.affines import apply_affine

from longibench.benchmark.core.grid import Grid
from longibench.benchmark.preparation.arrays import Affine
from longibench.benchmark.preparation.steps.resampling import FWHM_TO_SIGMA, resample

GRID = Grid(shape=(14, 14, 14), spacing_mm=4)
SIGMA_MM = 7.0  # of the blob that is scanned


def centred(shape: tuple[int, ...], voxel_mm: tuple[float, ...]) -> Affine:
    affine = np.diag([*voxel_mm, 1.0])
    affine[:3, 3] = -(np.array(shape) - 1) / 2 * voxel_mm
    return affine


def blob(shape: tuple[int, ...], affine: Affine, resolution_mm: tuple[float, ...]) -> np.ndarray:
    """A Gaussian of unit mass at a resolution, the full width at half maximum of each axis."""
    variance = SIGMA_MM**2 + (np.array(resolution_mm) * FWHM_TO_SIGMA) ** 2
    points = apply_affine(affine, np.moveaxis(np.indices(shape), 0, -1))
    values = np.exp(-(points**2 / variance).sum(axis=-1) / 2) / np.sqrt(variance.prod())
    return values.astype(np.float32)


@pytest.mark.parametrize("voxel_mm", [(1, 1, 1), (2, 2, 2), (1, 1, 3), (0.8, 2.5, 1.5)])
def test_a_blob_is_as_wide_as_the_grid_resolves(voxel_mm: tuple[float, ...]) -> None:
    """The variances of blob and grid add up: a known answer, and the same for every scanner."""
    shape = tuple(int(72 / side) for side in voxel_mm)
    found, wanted = centred(shape, voxel_mm), centred(GRID.shape, (4, 4, 4))
    wanted[:3, 3] += (0.7, -1.1, 0.4)  # between the voxels
    made = resample(blob(shape, found, voxel_mm), found, wanted, GRID, outside=0, order=3)
    expected = blob(GRID.shape, wanted, (4, 4, 4))
    np.testing.assert_allclose(made, expected, atol=0.02 * expected.max())
