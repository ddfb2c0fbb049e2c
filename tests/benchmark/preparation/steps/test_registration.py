from functools import cache

import numpy as np
import pytest
from nibabel.affines import apply_affine
from scipy import ndimage
from scipy.spatial.transform import Rotation

from longibench.benchmark.core.grid import Grid
from longibench.benchmark.core.threads import one_thread
from longibench.benchmark.preparation.arrays import Affine, Mask
from longibench.benchmark.preparation.reading.raw_scan import Scan
from longibench.benchmark.preparation.steps.itk import from_itk, matrix_of, to_itk
from longibench.benchmark.preparation.steps.mni import load_template, mni_affine
from longibench.benchmark.preparation.steps.registration import register_rigid, register_template

VOXEL_MM = 3.0


def pose(turn_degrees: tuple[float, ...], shift_mm: tuple[float, ...]) -> Affine:
    """A rigid transform about the template's middle, head to scan."""
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", turn_degrees, degrees=True).as_matrix()
    middle = np.array([0, -17.0, 5.0])
    matrix[:3, 3] = middle + shift_mm - matrix[:3, :3] @ middle
    return matrix


@cache
def smooth_template(voxel_mm: tuple[float, ...]) -> np.ndarray:
    return ndimage.gaussian_filter(load_template().data, np.array(voxel_mm) * 0.42)


def scan(placed: Affine, voxel_mm: tuple[float, ...], gain: float = 700) -> tuple[Scan, Mask]:
    """The template's brain in another position, on another lattice, with noise and a bias."""
    template = load_template()
    shape = tuple(int(180 / side) + 12 for side in voxel_mm)
    affine = np.diag([*voxel_mm, 1.0])
    affine[:3, 3] = np.array([0, -17, 5]) - np.array(voxel_mm) * (np.array(shape) - 1) / 2
    to_template = np.linalg.inv(template.affine) @ np.linalg.inv(placed) @ affine
    smooth = smooth_template(voxel_mm)
    turn, move = to_template[:3, :3], to_template[:3, 3]
    data = ndimage.affine_transform(smooth, turn, move, shape, order=1)
    brain = data > 0.1
    rng = np.random.default_rng(int(gain))
    bias = np.exp(0.2 * np.sin(np.arange(shape[1]) / shape[1] * 3))[None, :, None]
    noisy = np.abs(gain * (data * bias + rng.normal(0, 0.02, shape)))
    return Scan(np.where(brain, noisy, 0).astype(np.float32), affine), brain


def error_mm(found: Affine, true: Affine) -> np.ndarray:
    template = load_template()
    points = apply_affine(template.affine, np.argwhere(template.data > 0)[::5000])
    return np.linalg.norm(apply_affine(found, points) - apply_affine(true, points), axis=1)


@pytest.mark.parametrize(
    ("turn", "shift", "voxel_mm"),
    [
        ((12, -12, 10), (12, -15, 8), (2, 2, 4)),
        ((-14, 8, 15), (-15, 6, -12), (4, 2, 2)),
    ],
)
def test_a_rigid_movement_is_recovered(
    turn: tuple[float, ...], shift: tuple[float, ...], voxel_mm: tuple[float, ...]
) -> None:
    true = pose(turn, shift)
    with one_thread():
        first, brain = scan(np.eye(4), (VOXEL_MM,) * 3)
        later, later_brain = scan(true, voxel_mm, gain=1200)
        found = register_rigid(first, brain, later, later_brain)
    errors = error_mm(found, true)
    assert np.median(errors) < 0.6
    assert errors.max() < 1
    rotation = found[:3, :3]
    assert np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-6)
    assert np.linalg.det(rotation) == pytest.approx(1)


def test_a_scan_is_registered_to_itself_by_the_identity() -> None:
    with one_thread():
        first, brain = scan(np.eye(4), (VOXEL_MM,) * 3)
        found = register_rigid(first, brain, first, brain)
        again = register_rigid(first, brain, first, brain)
    assert error_mm(found, np.eye(4)).max() < 0.05
    assert np.array_equal(found, again)


@pytest.mark.parametrize("kind", ["affine", "rigid"])
def test_head_size_is_normalised_only_by_the_affine(kind: str) -> None:
    larger = pose((8, -5, 6), (6, -9, 4)) @ np.diag([1.1, 1.05, 1.08, 1.0])
    first, brain = scan(larger, (VOXEL_MM,) * 3)
    with one_thread():
        found = register_template(load_template(), first, brain, kind)  # type: ignore[arg-type]
    factor = np.linalg.det(found[:3, :3])
    if kind == "rigid":
        assert factor == pytest.approx(1)
    else:
        assert factor == pytest.approx(np.linalg.det(larger[:3, :3]), rel=0.03)
        assert error_mm(found, larger).max() < 2


def test_the_grid_is_centred_on_the_template() -> None:
    grid = Grid(shape=(160, 200, 160), spacing_mm=1.0)
    middle = apply_affine(mni_affine(grid), (np.array(grid.shape) - 1) / 2)
    template = load_template()
    inside = apply_affine(template.affine, np.argwhere(template.data > 0))
    assert np.allclose(middle, (inside.min(axis=0) + inside.max(axis=0)) / 2)
    assert np.abs(middle[0]) < 2  # between the hemispheres


def test_itk_agrees_about_the_position_of_a_voxel() -> None:
    import SimpleITK

    affine = np.array([[0, -2.0, 0, 90], [3.0, 0, 0, -80], [0, 0, 4.0, 7], [0, 0, 0, 1]])
    data = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    image = to_itk(data, affine)
    x, y, z = image.TransformIndexToPhysicalPoint((1, 2, 3))
    assert (-x, -y, z) == pytest.approx(tuple(apply_affine(affine, (1, 2, 3))))
    assert image[1, 2, 3] == data[1, 2, 3]
    assert np.array_equal(from_itk(image), data)
    euler = SimpleITK.Euler3DTransform((5.0, 6.0, 7.0), 0.1, 0.2, 0.3, (1.0, 2.0, 3.0))
    point = np.array([10.0, -20.0, 30.0])
    x, y, z = euler.TransformPoint((-10.0, 20.0, 30.0))
    assert apply_affine(matrix_of(euler), point) == pytest.approx((-x, -y, z))
