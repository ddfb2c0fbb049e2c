"""Clean volumes, warps and labels of plain scans: what is known of every voxel."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.random import Generator, default_rng
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from longibench.benchmark.cohorts.phantom.acquisition import Acquisition, build_site, noise_of
from longibench.benchmark.cohorts.phantom.anatomy import FIELD, Body, displacement
from longibench.benchmark.cohorts.phantom.labels import LABELS, Labeller
from longibench.benchmark.cohorts.phantom.plain_truth import expected_volumes, shown_at
from longibench.benchmark.cohorts.phantom.scanner import WHITE, Session, from_head, to_head
from longibench.benchmark.cohorts.phantom.simulation import Simulation, build_simulation, simulate
from longibench.benchmark.cohorts.phantom.truth import write_clean
from longibench.benchmark.cohorts.phantom.warp import FirstVisit
from longibench.benchmark.preparation.store.volumes import load_nifti
from longibench.benchmark.settings.phantom import PhantomSettings, ScannerSettings
from longibench.benchmark.settings.phantom_clean import CleanSettings

STILL = Session(1.0, 1.0, np.zeros(9), np.zeros(3), np.zeros(3))
YEARS = 5.0
HEAD = 3  # whose ventricles are large, and grow
Settings = PhantomSettings | CleanSettings


@dataclass(frozen=True)
class Known:
    """A head at two visits."""

    simulation: Simulation
    first: Tensor
    later: Tensor

    def scans(self, settings: Settings, *positions: Tensor) -> list[Acquisition]:
        """Scans of one participant, one after the other."""
        site = build_site(self.simulation.people.template, settings)
        person = self.simulation.people.person(HEAD)
        acquire = site.prepare(person, torch.zeros(()), contrast=1.1)
        rng: Generator = default_rng(5)
        return [acquire(each, rng) for each in positions]


@pytest.fixture(scope="module", params=[PhantomSettings, CleanSettings])
def known(request: pytest.FixtureRequest, templates: None) -> Known:
    simulation = build_simulation(request.param())
    person = simulation.people.person(HEAD)
    body = simulation.people.body(person, simulation.people.anatomy(person))
    return Known(simulation, body.at(0.0), body.at(YEARS))


def settings_of(known: Known, **changed: object) -> Settings:
    settings = known.simulation.settings
    return type(settings)(**{"spacing_mm": 5.0, **changed})  # type: ignore[arg-type]


def inner(scan: NDArray) -> NDArray[np.bool_]:
    """Voxels well inside the head, where noise is not clipped."""
    return ndimage.binary_erosion(scan > 0, iterations=2) & (scan > 150)


def voxels(acquisition: Acquisition) -> NDArray[np.float64]:
    """What a scan has beyond its own clean volume."""
    assert acquisition.clean is not None
    return acquisition.scan.astype(float) - acquisition.clean


@pytest.mark.parametrize("spacing_mm", [5.0, 2.5])
def test_a_first_scan_is_its_clean_volume_and_noise(known: Known, spacing_mm: float) -> None:
    settings = settings_of(known, spacing_mm=spacing_mm)
    (scan,) = known.scans(settings, known.first)
    noise = voxels(scan)[inner(scan.scan)]
    expected = WHITE * noise_of(settings)
    assert abs(noise.mean()) < 4 * expected / np.sqrt(noise.size) + 0.1
    assert noise.std() == pytest.approx(np.hypot(expected, 12**-0.5), rel=0.05)  # and rounding
    assert np.array_equal(scan.scan == 0, scan.clean == 0)


def test_noise_falls_with_the_voxels_volume_in_the_second_version_only() -> None:
    ratio = [
        noise_of(kind(spacing_mm=2.5)) / noise_of(kind(spacing_mm=5.0))
        for kind in (PhantomSettings, CleanSettings)
    ]
    assert ratio == pytest.approx([2**1.5, 1])
    assert noise_of(PhantomSettings(spacing_mm=1.0)) == PhantomSettings().scanner.noise


def test_clean_volumes_differ_by_the_change_of_anatomy_alone(known: Known) -> None:
    settings = settings_of(known)
    first, same, later = known.scans(settings, known.first, known.first, known.later)
    assert first.session is not None
    assert same.session is not None
    assert first.session.gain != same.session.gain
    assert not np.array_equal(first.scan, same.scan)
    assert first.clean is not None
    assert later.clean is not None
    assert np.array_equal(first.clean, same.clean)  # whatever the second scan was like
    change = np.abs(later.clean - first.clean)
    corners = change[:3, :3, :3], change[-3:, -3:, -3:]
    assert all((corner == 0).all() for corner in corners)
    moved = FirstVisit(known.first, STILL).displacement(known.later).norm(dim=0)
    near = ndimage.zoom(moved.numpy(), np.array(change.shape) / moved.shape, order=1)
    inside = inner(first.clean)
    still, moving = np.quantile(near[inside], [0.1, 0.9])
    assert change[inside & (near < still)].mean() < 0.3 * change[inside & (near > moving)].mean()


def test_contrast_and_gain_change_between_visits_of_the_second_version(known: Known) -> None:
    scans = known.scans(settings_of(known), *[known.first] * 4)
    contrasts = {its.row["contrast"] for its in scans}
    assert len({its.row["gain"] for its in scans}) == 4
    assert len(contrasts) == (1 if isinstance(known.simulation.settings, CleanSettings) else 4)


def test_a_clean_volume_on_disk_is_rounded_to_a_sixteenth(known: Known, tmp_path: Path) -> None:
    (scan,) = known.scans(settings_of(known), known.first)
    assert scan.clean is not None
    write_clean(tmp_path / "clean.nii.gz", scan.clean, scan.affine)
    image = load_nifti(tmp_path / "clean.nii.gz")
    assert np.abs(image.get_fdata() - scan.clean).max() <= 1 / 32 + 1e-4
    assert np.array_equal(image.get_fdata() == 0, scan.clean == 0)
    assert np.array_equal(image.affine, scan.affine)


def tissue(known: Known, positions: Tensor) -> NDArray[np.bool_]:
    """Points of ``FIELD`` in the head of a visit."""
    head = known.simulation.people.template.at(0, "head")
    return head.at(positions.reshape(3, -1).T)[:, 0].numpy() > 0.5


def test_a_warp_leads_to_the_same_place_in_the_template(known: Known) -> None:
    moved = FirstVisit(known.first, STILL).displacement(known.later)
    came_from = FIELD.points() + moved.reshape(3, -1).T
    found = FIELD.sample(known.first, came_from, "border")
    apart = (found - known.later.reshape(3, -1).T).norm(dim=1).numpy()
    inside = tissue(known, known.later)
    assert apart[inside].max() < 0.1
    assert moved.norm(dim=0).max() > 1


def test_a_warp_is_zero_for_the_first_visit_itself(known: Known) -> None:
    session = Session(1.0, 1.0, np.zeros(9), np.array([0.5, -1, 0.3]), np.array([1.0, -2, 0.5]))
    moved = FirstVisit(known.first, session).displacement(known.first)
    assert moved.abs().max() < 2e-3


def test_a_warp_carries_the_clean_first_visit_to_the_later_one(known: Known) -> None:
    study = settings_of(known, spacing_mm=2.5)
    scanner = ScannerSettings(shift_mm=1.25, turn_degrees=2.0, bias=0.0)
    first, later = known.scans(
        study.model_copy(update={"scanner": scanner}), known.first, known.later
    )
    assert first.session is not None
    assert first.clean is not None
    assert later.clean is not None
    moved = FirstVisit(known.first, first.session).displacement(known.later)
    points = np.indices(first.clean.shape).reshape(3, -1)
    world = first.affine[:3, :3] @ points + first.affine[:3, 3:]
    came_from = world + FIELD.sample(moved, torch.from_numpy(world.T).float()).numpy().T
    index = (came_from - first.affine[:3, 3:]) / study.spacing_mm
    carried = ndimage.map_coordinates(first.clean, index, order=3).reshape(first.clean.shape)
    inside = ndimage.binary_erosion((first.clean > 0) & (later.clean > 0), iterations=2)
    change, rest = (np.abs(later.clean - each)[inside].mean() for each in (first.clean, carried))
    assert rest < 0.4 * change


def test_other_changes_start_from_the_first_visit_and_are_shown_like_it(known: Known) -> None:
    simulation, people = known.simulation, known.simulation.people
    person = people.person(HEAD)
    first = next(simulate(simulation, person, people.anatomy(person)))
    show = shown_at(simulation, first)
    assert first.acquisition.clean is not None
    np.testing.assert_array_equal(show(first.positions), first.acquisition.clean)
    its = Body(displacement(first.positions), people.modes, people.velocity(person))
    apart = (its.at(YEARS) - known.later).abs()
    assert (apart < 0.01).float().mean() > 0.995  # which air moves with the head differs a little
    with_futures = replace(simulation, settings=settings_of(known, futures=2))
    (later,) = expected_volumes(with_futures, person, first, [YEARS])
    assert later.shape == first.acquisition.clean.shape
    assert not np.array_equal(later, first.acquisition.clean)


def test_positions_in_head_and_scan_are_inverse() -> None:
    session = Session(1.0, 1.0, np.zeros(9), np.array([0.5, -1, 0.3]), np.array([1.0, -2, 0.5]))
    points = FIELD.points()[::97]
    torch.testing.assert_close(from_head(to_head(points, session), session), points)
    assert (to_head(points, session) - points).abs().max() > 1


def test_labels_have_the_volumes_of_the_truth(known: Known) -> None:
    volumes = known.simulation.volumes
    true = volumes.ml(known.first, volumes.region(known.first))
    labeller = Labeller(known.simulation.people.template)
    labels, lattice = labeller.of_plain(displacement(known.first), STILL)
    assert lattice.spacing == 1.5
    counts = np.bincount(labels.ravel(), minlength=len(LABELS) + 1) * lattice.spacing**3 / 1000
    found = {name: counts[value] for name, value in LABELS.items()}
    found["grey"] += found["hippocampus"]
    found["brain"] = found["grey"] + found["white"]
    # A label is the largest share: mostly grey matter at its borders with the two others.
    expected = {"brain": 1.03, "grey": 1.09, "white": 0.95, "ventricle": 1.05, "hippocampus": 1.08}
    for name, ratio in expected.items():
        assert found[name] / true[f"{name}_ml"] == pytest.approx(ratio, abs=0.03)
