from pathlib import Path

import nibabel
import numpy as np
import pytest

from longibench.benchmark.core.errors import UserError
from longibench.reports.figures.view import View, choose_view, load


def _ball(radius: float) -> np.ndarray:
    axes = np.meshgrid(*(np.linspace(-1, 1, side) for side in (20, 24, 20)), indexing="ij")
    inside = np.sqrt(sum(axis**2 for axis in axes)) < radius
    return np.where(inside, 0.5, -1.0).astype(np.float32)


def test_slice_is_where_real_scans_change(tmp_path: Path) -> None:
    source, later = _ball(0.8), _ball(0.8)
    later[9:12, 10:14, 8] -= 0.5
    assert choose_view([(source, later)], (5.0, 5.0, 5.0)).level == 8


def test_change_outside_the_head_does_not_count() -> None:
    source, later = _ball(0.8), _ball(0.8)
    later[0, 0, 4] += 1.5
    later[9:12, 10:14, 11] -= 0.2
    assert choose_view([(source, later)], (5.0, 5.0, 5.0)).level == 11


def test_view_holds_the_head_with_a_margin() -> None:
    source = _ball(0.5)
    view = choose_view([(source, source)], (2.0, 3.0, 5.0))
    plane = view.plane(source)
    assert (plane[0] == -1).all()
    assert (plane[:, 0] == -1).all()
    assert (plane[1] > 0).any()
    assert (plane[:, 1] > 0).any()
    assert view.size_mm == (2.0 * plane.shape[1], 3.0 * plane.shape[0])


def test_left_stays_left_and_anterior_is_up() -> None:
    volume = np.zeros((4, 5, 3), np.float32)
    volume[0, 4, 1] = 1.0  # left, anterior
    view = View(level=1, crop=(slice(0, 4), slice(0, 5)), spacing=(1, 1), white=1)
    assert view.plane(volume)[0, 0] == 1.0


def test_load_turns_other_orientations_to_ras(tmp_path: Path) -> None:
    volume = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    affine = np.diag([-2.0, 2.0, 3.0, 1.0])  # stored right to left
    nibabel.save(nibabel.Nifti1Image(volume, affine), tmp_path / "a.nii.gz")
    read, spacing = load(tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(read, volume[::-1])
    assert spacing == (2.0, 2.0, 3.0)


def test_constant_source_is_shown_whole() -> None:
    flat = np.zeros((6, 6, 6), np.float32)
    assert choose_view([(flat, flat)], (1, 1, 1)).crop == (slice(0, 6), slice(0, 6))


@pytest.mark.parametrize("content", [None, b"not an image"])
def test_unreadable_volume_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "bad.nii.gz"
    if content:
        path.write_bytes(content)
    with pytest.raises(UserError, match=r"bad\.nii\.gz"):
        load(path)
