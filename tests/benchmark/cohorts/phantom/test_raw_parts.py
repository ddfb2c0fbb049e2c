from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from pydantic import ValidationError

from longibench.benchmark.cohorts.phantom.clean import sample_clean
from longibench.benchmark.cohorts.phantom.layers import GAP_MM, SKIN_MM, Layers, Thickness
from longibench.benchmark.cohorts.phantom.raw_scanner import slice_points
from longibench.benchmark.cohorts.phantom.raw_session import (
    BELOW_MM,
    VIEW_MM,
    RawSession,
    sample_raw_session,
)
from longibench.benchmark.cohorts.phantom.truth import read_pose
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.settings.phantom import PhantomSettings
from longibench.benchmark.settings.phantom_clean import CleanSettings
from longibench.benchmark.settings.phantom_raw import RawSettings, SliceProtocol


def session(**changed: object) -> RawSession:
    values = {
        "protocol": SliceProtocol(in_plane_mm=1.0, slice_mm=3.0),
        "orientation": "PSR",
        "gain": 1.0,
        "bias": np.zeros(9),
        "shift_mm": np.zeros(3),
        "turn_degrees": np.zeros(3),
        "off_centre_mm": np.zeros(3),
    }
    return RawSession(**(values | changed))  # type: ignore[arg-type]


def test_layers_from_inside_out() -> None:
    layers = Layers(Thickness(skull=8.0, fat=4.0), fwhm_mm=0.7)
    far = np.full(1, 50.0)

    def at(outward: float, depth: np.ndarray = far) -> float:
        return float(layers.signal(np.full(1, outward), depth, np.full(1, 0.45))[0])

    inner, marrow, outer = at(GAP_MM + 1), at(GAP_MM + 4), at(GAP_MM + 7)
    assert at(-3) == at(GAP_MM + 12) == pytest.approx(0.45)  # what fills the rest
    assert inner == pytest.approx(outer, abs=0.02)
    assert inner < 0.2 < 0.4 < marrow
    fat, skin = at(20, np.full(1, SKIN_MM + 2)), at(20, np.full(1, SKIN_MM / 2))
    assert skin < 0.9 < 1.2 < fat
    assert at(20, np.full(1, -3.0)) == 0  # air
    assert at(20, np.full(1, 0.0)) == pytest.approx(0.25, abs=0.1)  # half of the voxel is skin


def test_blurring_layers_keeps_their_mass() -> None:
    distance = np.arange(-20, 40, 0.1)
    sharp, soft = (
        Layers(Thickness(7.0, 4.0), fwhm).signal(np.full_like(distance, 50), distance, 0 * distance)
        for fwhm in (0.7, 3.0)
    )
    assert soft.sum() == pytest.approx(sharp.sum(), rel=0.01)
    assert soft.max() < sharp.max()


@pytest.mark.parametrize("orientation", ["RAS", "LPS", "PSR", "AIL", "SRP"])
def test_grid_has_the_orientation_and_its_middle_in_the_view(orientation: str) -> None:
    scan = session(
        orientation=orientation,
        shift_mm=np.array([10.0, -5, 3]),
        off_centre_mm=np.array([1.0, 2, -BELOW_MM]),
    )
    assert "".join(nib.aff2axcodes(scan.affine)) == orientation
    assert nib.affines.voxel_sizes(scan.affine) == pytest.approx([1, 1, 3])
    middle = nib.affines.apply_affine(scan.affine, (np.array(scan.shape) - 1) / 2)
    assert middle == pytest.approx([11, -3, 3 - BELOW_MM])
    extent = np.abs(scan.affine[:3, :3]) @ scan.shape
    assert (extent >= VIEW_MM).all()
    assert (extent < np.array(VIEW_MM) + 6).all()


def test_pose_turns_about_the_middle_of_the_head_and_then_shifts_it() -> None:
    pose = session(turn_degrees=np.array([0.0, 0, 90]), shift_mm=np.array([1.0, 2, 3])).pose
    assert pose @ [0, 0, 0, 1] == pytest.approx([1, 2, 3, 1])
    assert pose @ [1, 0, 0, 1] == pytest.approx([1, 3, 3, 1])  # right goes to the front


def test_slice_points_are_the_affine_of_the_voxels() -> None:
    scan = session(turn_degrees=np.array([5.0, -8, 11]), shift_mm=np.array([4.0, 5, 6]))
    points = slice_points((3, 4, 5), scan.to_head, 2.5).numpy()
    voxels = [(i, j, 2.5) for i in range(3) for j in range(4)]
    world = nib.affines.apply_affine(scan.affine, voxels)
    assert points == pytest.approx(
        nib.affines.apply_affine(np.linalg.inv(scan.pose), world), abs=1e-4
    )


def test_the_bias_field_lies_in_the_world_whatever_the_axes() -> None:
    bias = np.array([0.1, -0.05, 0.2, 0.03, 0.02, -0.04, 0.05, -0.06, 0.01])
    fields = []
    for orientation in ("RAS", "PSR", "ILA"):
        cube = SliceProtocol(in_plane_mm=4.0, slice_mm=4.0)
        scan = session(orientation=orientation, bias=bias, protocol=cube)
        field = np.stack([scan.bias_field(k) for k in range(scan.shape[2])], axis=2)
        image = nib.as_closest_canonical(nib.Nifti1Image(field, scan.affine))
        fields.append(image.get_fdata())
    for first, second in pairwise(fields):
        assert np.allclose(first, second)
    middle = np.array(fields[0].shape) // 2
    assert fields[0][tuple(middle)] == pytest.approx(1, abs=0.01)


def test_drawn_sessions_keep_their_limits_and_use_all_protocols() -> None:
    settings, rng = RawSettings(), np.random.default_rng(0)
    sampled = [sample_raw_session(rng, settings) for _ in range(200)]
    assert {scan.protocol for scan in sampled} == set(settings.protocols)
    assert len({scan.orientation for scan in sampled}) > 40  # of 48
    shifts = np.abs([scan.shift_mm for scan in sampled])
    turns = np.abs([scan.turn_degrees for scan in sampled])
    assert 13 < shifts.max() <= 15
    assert 11 < turns.max() <= 12
    assert max(np.abs(scan.bias).max() for scan in sampled) <= settings.bias


def test_the_bias_field_strays_by_a_quarter_across_the_brain() -> None:
    cubes = RawSettings(protocols=(SliceProtocol(in_plane_mm=8.0, slice_mm=8.0),))
    rng = np.random.default_rng(0)
    highest, lowest = [], []
    for _ in range(30):
        scan = sample_raw_session(rng, cubes)
        field = np.stack([scan.bias_field(k) for k in range(scan.shape[2])], axis=2).ravel()
        voxels = np.indices(scan.shape).reshape(3, -1).T
        inside = nib.affines.apply_affine(scan.to_head, voxels) / [66, 84, 60]
        brain = field[(inside**2).sum(axis=1) < 1]
        highest.append(brain.max() / np.median(brain) - 1)
        lowest.append(1 - brain.min() / np.median(brain))
    assert 0.12 < np.mean(highest) < 0.3
    assert 0.12 < np.mean(lowest) < 0.3
    assert max(highest) < 0.5


def test_follow_ups_in_just_these_years() -> None:
    settings = CleanSettings(follow_up_years=(1.0, 5.0))
    for number in range(1, 20):
        person = sample_clean(settings, number)
        assert person.days == (0, 365, 1826)
        same = sample_clean(CleanSettings(), number)
        assert replace(person, days=same.days) == same


@pytest.mark.parametrize("years", [(), (0.0,), (-1.0,), (5.0, 1.0), (1.0, 1.01)])
def test_follow_up_years_ascend(years: tuple[float, ...]) -> None:
    with pytest.raises(ValidationError, match="follow_up_years"):
        PhantomSettings(follow_up_years=years)


def test_without_a_scattered_phantom_there_is_no_pose(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="only a scattered phantom has true poses"):
        read_pose(tmp_path, "0001", "M000")
