from itertools import permutations, product
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from longibench.benchmark.core.errors import UserError
from longibench.benchmark.preparation.store.volumes import (
    load_nifti,
    prepared_space,
    read_into,
    read_space,
    read_volume,
    volume_shape,
    write_volume,
)

SHAPE = (5, 37, 7)  # more planes of some axis than are read at a time
AFFINE = np.array([[2, 0, 0, -10], [0, 2, 0, 5], [0, 0, 2, 1], [0, 0, 0, 1.0]])


def volume(shape: tuple[int, int, int] = SHAPE, seed: int = 0) -> np.ndarray:
    """Noise with exact background and an exact brightest voxel."""
    values = np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)
    values[:, :9] = -1
    values[0, -1, 0], values[1, -1, 1] = 1, 0
    return values


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    write_volume(tmp_path / "a.nii", volume(), AFFINE)
    return tmp_path / "a.nii"


@pytest.mark.parametrize("shape", [SHAPE, (37, 5, 7), (16, 4, 4), (1, 2, 3)])
def test_a_round_trip_errs_by_half_a_step_and_keeps_the_ends(
    tmp_path: Path, shape: tuple[int, int, int]
) -> None:
    values = volume((37, 37, 37))[: shape[0], -shape[1] :, : shape[2]]
    write_volume(tmp_path / "a.nii", values, AFFINE)
    back = read_volume(tmp_path / "a.nii")
    assert back.dtype == np.float32
    assert back.flags["C_CONTIGUOUS"]
    assert np.abs(back.astype(float) - values).max() <= 0.5 / 32767 + 1e-7
    for exact in (-1, 0, 1):
        assert np.array_equal(back == exact, np.abs(values - exact) < 0.5 / 32767)


def test_any_reader_finds_the_same_values_at_the_same_places(stored: Path) -> None:
    found = nib.load(stored)
    assert nib.aff2axcodes(found.affine) == ("S", "A", "R")
    assert found.shape == SHAPE[::-1]
    np.testing.assert_allclose(found.get_sform(), found.get_qform(), atol=1e-6)
    place = np.linalg.inv(found.affine) @ AFFINE @ [3, 20, 6, 1]
    z, y, x = place[:3].round().astype(int)
    assert found.get_fdata()[z, y, x] == pytest.approx(read_volume(stored)[3, 20, 6], abs=1e-7)


def test_other_libraries_agree(stored: Path) -> None:
    import SimpleITK as sitk  # noqa: N813

    image = sitk.DICOMOrient(sitk.ReadImage(str(stored)), "LPS")
    right_to_left = sitk.GetArrayFromImage(image).transpose(2, 1, 0)[::-1, ::-1]
    np.testing.assert_allclose(right_to_left, read_volume(stored), atol=1e-6)


def test_opening_turns_the_axes_to_right_anterior_superior(stored: Path) -> None:
    image = load_nifti(stored)
    assert image.shape == volume_shape(stored) == SHAPE
    np.testing.assert_array_equal(image.affine, AFFINE)
    np.testing.assert_allclose(image.get_fdata(), read_volume(stored), atol=1e-7)


@pytest.mark.parametrize("name", ["g.nii", "g.nii.gz"])
def test_volumes_made_elsewhere_are_read_unchanged(tmp_path: Path, name: str) -> None:
    nib.save(nib.Nifti1Image(volume(), AFFINE), tmp_path / name)
    assert np.array_equal(read_volume(tmp_path / name), volume())


def test_a_volume_is_read_into_a_part_of_another_array(stored: Path) -> None:
    whole = np.full((9, 41, 9), 7, np.float32)
    read_into(stored, whole[2:7, 3:40, 1:8])
    assert np.array_equal(whole[2:7, 3:40, 1:8], read_volume(stored))
    assert (whole == 7).sum() == whole.size - np.prod(SHAPE)


def test_another_shape_is_refused(stored: Path) -> None:
    with pytest.raises(UserError, match=r"a\.nii: its shape is \(5, 37, 7\), not \(7, 37, 5\)"):
        read_into(stored, np.empty(SHAPE[::-1], np.float32))


@pytest.mark.parametrize("size", [0, 100, 352, 2000])
def test_a_file_that_is_cut_off_is_named(stored: Path, size: int) -> None:
    stored.write_bytes(stored.read_bytes()[:size])
    with pytest.raises(UserError, match=r"a\.nii: cannot be read.*prepared again"):
        read_volume(stored)


@pytest.mark.parametrize("sides", [(30000, 30000, 30000), (-7, 37, 5), (7, 37, 6)])
def test_a_size_that_the_file_has_not_is_named(stored: Path, sides: tuple[int, ...]) -> None:
    """No array is allocated for it."""
    content = bytearray(stored.read_bytes())
    content[42:48] = np.array(sides, "<i2").tobytes()
    stored.write_bytes(content)
    for way in (read_volume, volume_shape, prepared_space):
        with pytest.raises(UserError, match=r"a\.nii: cannot be read"):
            way(stored)


def test_values_that_16_bits_cannot_store_are_refused(tmp_path: Path) -> None:
    for value in (1.01, np.nan, -np.inf):
        with pytest.raises(ValueError, match="within"):
            write_volume(tmp_path / "a.nii", np.full(SHAPE, value, np.float32), AFFINE)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("signs", list(product((1, -1), repeat=3)))
def test_the_header_alone_gives_the_space_of_the_image(
    tmp_path: Path, order: tuple[int, ...], signs: tuple[int, ...]
) -> None:
    affine = np.eye(4)
    affine[:3, :3] = 0.03
    affine[list(order), range(3)] = np.array(signs) * (1.0, 1.1, 1.2)
    affine[:3, 3] = 5, -6, 7
    nib.save(nib.Nifti1Image(np.zeros((4, 5, 6), np.float32), affine), tmp_path / "a.nii")
    image, (shape, found) = load_nifti(tmp_path / "a.nii"), read_space(tmp_path / "a.nii")
    assert shape == image.shape
    assert found.tobytes() == image.affine.tobytes()
