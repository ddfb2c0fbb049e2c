"""What can be expected of a participant, from many futures of the first visit."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from torch import Tensor

from longibench.benchmark.cohorts.phantom.dataset import write_phantom
from longibench.benchmark.cohorts.phantom.futures import expected
from longibench.benchmark.cohorts.phantom.people import _deviate, _gamma, sample_course
from longibench.benchmark.cohorts.phantom.simulation import Simulation, build_simulation
from longibench.benchmark.cohorts.phantom.truth import CLEAN, EXPECTED, truth_file
from longibench.benchmark.core.console import Console
from longibench.benchmark.preparation.store.volumes import load_nifti
from longibench.benchmark.settings.phantom import PhantomSettings
from longibench.benchmark.settings.phantom_clean import CleanSettings

STUDY = {"subjects": 1, "spacing_mm": 8.0, "follow_up_years": (1.0, 4.0), "futures": 2}


class Grows:
    """A body whose map is one number."""

    def __init__(self, rate: float) -> None:
        self.rate = rate

    def at(self, years: float) -> float:
        return self.rate * years


def test_it_is_the_median_of_the_futures_at_each_time() -> None:
    show: Callable[[float], np.ndarray] = lambda value: np.full((2, 2, 2), value)  # noqa: E731
    found = expected([Grows(1), Grows(2), Grows(9)], [1.0, 3.0], show)  # type: ignore[arg-type, list-item]
    assert [float(volume.mean()) for volume in found] == [2.0, 6.0]


@pytest.mark.parametrize("quantile", [0.03, 0.5, 0.97])
def test_a_size_gives_its_normal_deviate(quantile: float) -> None:
    value = _gamma(quantile, 40.0, 20.0)
    assert _deviate(value, 40.0, 20.0) == pytest.approx(_deviate(_gamma(quantile, 1, 2), 1, 2))


def test_given_a_large_first_visit_growth_is_larger_and_sizes_stay(templates: None) -> None:
    settings = PhantomSettings()
    people = build_simulation(settings).people
    person, group = people.person(1), settings.groups["AD"]
    rng = np.random.default_rng(0)

    def growth(ml: float) -> list[float]:
        given = person.__class__(**{**vars(person), "ventricle_ml": ml})
        drawn = [sample_course(rng, group, settings, given) for _ in range(400)]  # type: ignore[arg-type]
        assert {round(one["ventricle_ml"], 6) for one in drawn} == {ml}
        return [one["ventricle_growth"] for one in drawn]

    assert np.mean(growth(85.0)) > 1.3 * np.mean(growth(20.0))


@pytest.mark.parametrize("settings", [PhantomSettings(**STUDY), CleanSettings(**STUDY)])
def test_expectations_are_written_for_follow_ups_and_change_no_scan(
    settings: PhantomSettings | CleanSettings, templates: None, tmp_path: Path
) -> None:
    write_phantom(tmp_path / "with", settings, Console(quiet=True))
    without = settings.model_copy(update={"futures": 0})
    write_phantom(tmp_path / "without", without, Console(quiet=True))
    scans = [path.relative_to(tmp_path / "with") for path in tmp_path.glob("with/sub-*/*/anat/*")]
    assert len(scans) == 3
    for scan in scans:
        assert (tmp_path / "with" / scan).read_bytes() == (tmp_path / "without" / scan).read_bytes()
    clean, first = (
        volume(tmp_path / "with", "M048", CLEAN),
        volume(tmp_path / "with", "M000", CLEAN),
    )
    guess = volume(tmp_path / "with", "M048", EXPECTED)
    assert not truth_file(tmp_path / "with", "0001", "M000", EXPECTED).exists()
    assert 0 < np.abs(guess - first).sum() < 3 * np.abs(clean - first).sum()


def volume(folder: Path, visit: str, kind: str) -> np.ndarray:
    return np.asarray(load_nifti(truth_file(folder, "0001", visit, kind)).dataobj)


def test_a_future_shares_the_first_visit(templates: None) -> None:
    simulation: Simulation = build_simulation(PhantomSettings())
    person = simulation.people.person(3)
    rng = np.random.default_rng(1)
    one, other = (simulation.people.future(person, rng) for _ in range(2))
    assert isinstance(one, Tensor)
    assert one.shape == other.shape == simulation.people.modes.velocities.shape[1:]
    assert not np.allclose(one, other)
