"""The grid of a generated volume, the messages about another grid, and fitting."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from longibench.benchmark.preparation.space import Fit, Misfit, Space, read_fitting

SHAPE = (12, 14, 10)
AFFINE = np.array([[2.0, 0, 0, -11], [0, 2, 0, -13], [0, 0, 2, -9], [0, 0, 0, 1]])
FLIPPED = np.array([[-1.0, 0, 0, 11], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])  # of the x axis
SPACE = Space(SHAPE, AFFINE)


@pytest.fixture
def voxels() -> np.ndarray:
    """A smooth slope in [-1, 1] that differs along each axis."""
    x, y, z = np.indices(SHAPE)
    return ((x + 2 * y + 3 * z) / 32 - 1).clip(-1, 1).astype(np.float32)


def stored(path: Path, voxels: np.ndarray, affine: np.ndarray = AFFINE) -> Path:
    nib.save(nib.Nifti1Image(voxels, affine), path)
    return path


def test_a_volume_that_fits_is_read_unchanged(tmp_path: Path, voxels: np.ndarray) -> None:
    path = stored(tmp_path / "a.nii.gz", voxels)
    np.testing.assert_array_equal(read_fitting(path, SPACE, Fit()), voxels)


@pytest.mark.parametrize("axes", [("L", "P", "S"), ("S", "A", "R"), ("P", "I", "L")])
def test_the_order_of_axes_on_disk_does_not_matter(
    tmp_path: Path, voxels: np.ndarray, axes: tuple[str, str, str]
) -> None:
    image = nib.Nifti1Image(voxels, AFFINE)
    turn = nib.orientations.ornt_transform(
        nib.io_orientation(AFFINE), nib.orientations.axcodes2ornt(axes)
    )
    nib.save(image.as_reoriented(turn), tmp_path / "a.nii")
    np.testing.assert_array_equal(read_fitting(tmp_path / "a.nii", SPACE, Fit()), voxels)


def flipped(affine: np.ndarray) -> np.ndarray:
    turned = affine.copy()
    angle = np.deg2rad(10)
    turned[:2, :2] = 2 * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return turned


WRONG = {
    "voxels of 2.5 x 2.5 x 2.5 mm, the source's of 2 x 2 x 2 mm": AFFINE * 1.25,
    "it is shifted by 3 mm from the source": AFFINE + 3 * np.eye(4)[0][:, None] * np.eye(4)[3],
    r"its axes \(RAS\) are rotated": flipped(AFFINE),
    "--grid voxels takes the source's affine": np.eye(4),
}


@pytest.mark.parametrize("message", WRONG)
def test_the_difference_is_named(tmp_path: Path, voxels: np.ndarray, message: str) -> None:
    affine = WRONG[message].copy()
    affine[3] = (0, 0, 0, 1)
    with pytest.raises(Misfit, match=message):
        read_fitting(stored(tmp_path / "a.nii", voxels, affine), SPACE, Fit())


def test_rounding_of_an_affine_fits_and_a_hundredth_of_a_millimetre_does_not(
    tmp_path: Path, voxels: np.ndarray
) -> None:
    near, shifted = AFFINE.copy(), AFFINE.copy()
    near[:3, 3] += 1e-4
    shifted[1, 3] += 0.01
    path = stored(tmp_path / "a.nii", voxels, near)
    np.testing.assert_array_equal(read_fitting(path, SPACE, Fit()), voxels)
    with pytest.raises(Misfit, match=r"it is shifted by 0\.01 mm from the source"):
        read_fitting(stored(path, voxels, shifted), SPACE, Fit())


def test_a_file_without_an_affine_is_read_by_voxels_if_that_is_allowed(
    tmp_path: Path, voxels: np.ndarray
) -> None:
    path = stored(tmp_path / "a.nii", voxels, np.eye(4))
    np.testing.assert_array_equal(read_fitting(path, SPACE, Fit("voxels")), voxels)
    with pytest.raises(Misfit, match="needs equal ones"):
        read_fitting(stored(path, voxels[1:], np.eye(4)), SPACE, Fit("voxels"))


def test_the_axes_of_a_file_without_orientation_stay_in_their_order(
    tmp_path: Path, voxels: np.ndarray
) -> None:
    """nibabel would take such a file as stored from left to right, and flip it."""
    path = tmp_path / "a.nii"
    nib.save(nib.Nifti1Image(voxels, None), path)
    np.testing.assert_array_equal(read_fitting(path, SPACE, Fit("voxels")), voxels)
    for rule in ("strict", "resample"):
        with pytest.raises(Misfit, match=r"no orientation.*--grid voxels"):
            read_fitting(path, SPACE, Fit(rule))  # type: ignore[arg-type]
    nib.save(nib.Nifti1Image(voxels[1:], None), path)
    with pytest.raises(Misfit, match="it cannot be resampled"):
        read_fitting(path, SPACE, Fit("resample"))


def test_a_scale_factor_is_seen_whatever_the_order_of_the_axes(
    tmp_path: Path, voxels: np.ndarray
) -> None:
    """The hint is for whole numbers without one."""
    image = nib.Nifti1Image(((voxels + 1) * 100).astype(np.int16)[::-1], AFFINE @ FLIPPED)
    image.header.set_slope_inter(0.5, 0)
    nib.save(image, tmp_path / "a.nii")
    with pytest.raises(Misfit, match=r"--range LOW,HIGH") as refused:
        read_fitting(tmp_path / "a.nii", SPACE, Fit())
    assert "whole numbers" not in str(refused.value)


def test_resampling_uses_the_affines(tmp_path: Path, voxels: np.ndarray) -> None:
    """A slope is the same slope on another grid: linear interpolation is exact."""
    fine = AFFINE.copy()
    fine[:3, :3] /= 2
    fine[:3, 3] -= 0.5
    x, y, z = np.indices([2 * side for side in SHAPE]) / 2 - 0.25
    values = ((x + 2 * y + 3 * z) / 100 - 0.5).astype(np.float32)
    found = read_fitting(stored(tmp_path / "a.nii", values, fine), SPACE, Fit("resample"))
    x, y, z = np.indices(SHAPE)
    np.testing.assert_allclose(found, (x + 2 * y + 3 * z) / 100 - 0.5, atol=1e-6)


def test_a_volume_outside_of_the_grid_is_refused(tmp_path: Path, voxels: np.ndarray) -> None:
    far = AFFINE.copy()
    far[:3, 3] += 500
    with pytest.raises(Misfit, match="it is constant on the source's grid"):
        read_fitting(stored(tmp_path / "a.nii", voxels, far), SPACE, Fit("resample"))


def test_another_range_is_named_and_mapped(tmp_path: Path, voxels: np.ndarray) -> None:
    path = stored(tmp_path / "a.nii", (voxels + 1) / 2 * 255)
    with pytest.raises(Misfit, match=r"run from 0 to 2.* --range LOW,HIGH"):
        read_fitting(path, SPACE, Fit())
    found = read_fitting(path, SPACE, Fit(intensities=(0, 255)))
    np.testing.assert_allclose(found, voxels, atol=1e-5)


def test_whole_numbers_without_a_scale_are_named(tmp_path: Path, voxels: np.ndarray) -> None:
    path = stored(tmp_path / "a.nii", ((voxels + 1) * 100).astype(np.int16))
    with pytest.raises(Misfit, match=r"whole numbers .int16. without a scale factor"):
        read_fitting(path, SPACE, Fit())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda v: np.where(v > 0.5, np.nan, v), "that are not finite"),
        (lambda v: np.where(v > 0.5, np.inf, v), "that are not finite"),
        (lambda v: 0 * v + 0.3, "it is constant: every voxel is 0.3"),
        (lambda v: np.stack([v, v], -1), "one volume is needed"),
    ],
)
def test_invalid_volumes_are_refused(
    tmp_path: Path, voxels: np.ndarray, change: object, message: str
) -> None:
    path = stored(tmp_path / "a.nii", change(voxels).astype(np.float32))  # type: ignore[operator]
    with pytest.raises(Misfit, match=message):
        read_fitting(path, SPACE, Fit())


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(Misfit, match="no such folder or file"):
        read_fitting(tmp_path / "none.nii", SPACE, Fit())
