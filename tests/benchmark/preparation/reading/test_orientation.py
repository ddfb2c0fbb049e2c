"""The position of a file without an orientation: its middle is the world's origin."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from longibench.benchmark.preparation.reading.raw_scan import Scan, read_scan

VOXEL_MM = (8, 9, 10)


@pytest.fixture(params=[(24, 30, 26), (23, 31, 25)], ids=["even", "odd"])
def voxels(request: pytest.FixtureRequest) -> np.ndarray:
    """A whole number in each voxel, axes right, anterior, superior."""
    return np.random.default_rng(0).integers(0, 900, request.param).astype(np.int16)


def read_as(axes: str, voxels: np.ndarray, folder: Path) -> Scan:
    """The same head, stored with other axes in a format without an orientation."""
    codes = nib.orientations.axcodes2ornt
    turn = nib.orientations.ornt_transform(codes("RAS"), codes(axes))
    turned = nib.Nifti1Image(voxels, np.diag([*VOXEL_MM, 1])).as_reoriented(turn)
    stored = nib.AnalyzeImage(np.asarray(turned.dataobj), None)
    stored.header.set_zooms(turned.header.get_zooms())
    nib.save(stored, folder / f"{axes}.img")
    return read_scan(folder / f"{axes}.img", axes=axes)


def test_the_middle_of_the_image_is_the_origin(voxels: np.ndarray, tmp_path: Path) -> None:
    scan = read_as("RAS", voxels, tmp_path)
    middle = (np.array(voxels.shape) - 1) / 2  # between the centres of the first voxel and the last
    np.testing.assert_allclose(nib.affines.apply_affine(scan.affine, middle), 0, atol=1e-6)
    np.testing.assert_allclose(scan.voxel_mm, VOXEL_MM)


@pytest.mark.parametrize("axes", ["LAS", "LPI", "ASL", "PIR"])
def test_the_order_of_axes_on_disk_moves_nothing(
    voxels: np.ndarray, tmp_path: Path, axes: str
) -> None:
    first, second = (read_as(its, voxels, tmp_path) for its in ("RAS", axes))
    np.testing.assert_array_equal(second.data, first.data)
    np.testing.assert_allclose(second.affine, first.affine, atol=1e-6)
