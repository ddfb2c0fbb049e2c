"""Writes what is true of a participant's plain scans, in addition to volumes."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from torch import Tensor

from longibench.benchmark.cohorts.phantom.acquisition import PlainSite
from longibench.benchmark.cohorts.phantom.anatomy import FIELD, Body, displacement
from longibench.benchmark.cohorts.phantom.futures import Volume, expected
from longibench.benchmark.cohorts.phantom.nifti import centred, write_nifti
from longibench.benchmark.cohorts.phantom.person import Person, generator
from longibench.benchmark.cohorts.phantom.scanner import Session
from longibench.benchmark.cohorts.phantom.simulation import Simulation, Visit
from longibench.benchmark.cohorts.phantom.truth import (
    CLEAN,
    DSEG,
    EXPECTED,
    WARP,
    truth_file,
    write_clean,
    write_warp,
)
from longibench.benchmark.cohorts.phantom.warp import FirstVisit


def write_plain_truth(
    folder: Path, simulation: Simulation, person: Person, visits: Sequence[Visit]
) -> None:
    """Write clean volumes, deformations and, if they were asked for, labels and expectations.

    Args:
        folder: The dataset.
        simulation: Of a plain phantom.
        person: The participant.
        visits: All visits, in order of time.
    """
    session = _session(visits[0])
    first = FirstVisit(visits[0].positions, session)
    for number, visit in enumerate(visits):
        place = partial(truth_file, folder, person.label, visit.label)
        assert visit.acquisition.clean is not None
        write_clean(place(CLEAN), visit.acquisition.clean, visit.acquisition.affine)
        if number:
            moved = first.displacement(visit.positions)
            write_warp(place(WARP), moved.numpy(), centred(FIELD))
        if simulation.labeller:
            shown = displacement(visit.positions)
            labels, lattice = simulation.labeller.of_plain(shown, _session(visit))
            write_nifti(place(DSEG), labels, centred(lattice))
    if simulation.settings.futures:
        _write_expected(folder, simulation, person, visits)


def expected_volumes(
    simulation: Simulation, person: Person, first: Visit, years: Sequence[float]
) -> list[Volume]:
    """What can be expected of a participant after the first visit; see ``expected``.

    Args:
        simulation: Of a plain phantom; its settings have the number of futures.
        person: The participant.
        first: The first visit.
        years: Since the first visit, ascending.

    Returns:
        A clean volume (X, Y, Z) for each time.
    """
    people, anatomy = simulation.people, displacement(first.positions)
    rng = generator(simulation.settings, person.number, 4)
    velocities = [people.future(person, rng) for _ in range(simulation.settings.futures)]
    futures = [Body(anatomy, people.modes, velocity) for velocity in velocities]
    return expected(futures, years, shown_at(simulation, first))


def shown_at(simulation: Simulation, visit: Visit) -> Callable[[Tensor], Volume]:
    """What the session of a plain visit shows of any map (3, X, Y, Z), without noise, (X, Y, Z)."""
    assert isinstance(simulation.site, PlainSite)
    return partial(simulation.site.clean, _session(visit))


def _write_expected(
    folder: Path, simulation: Simulation, person: Person, visits: Sequence[Visit]
) -> None:
    first, *later = visits
    volumes = expected_volumes(simulation, person, first, [visit.years for visit in later])
    for visit, volume in zip(later, volumes, strict=True):
        path = truth_file(folder, person.label, visit.label, EXPECTED)
        write_clean(path, volume, visit.acquisition.affine)


def _session(visit: Visit) -> Session:
    assert visit.acquisition.session is not None
    return visit.acquisition.session
