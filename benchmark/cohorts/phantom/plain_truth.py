"""Writes what is true of a participant's plain scans, in addition to volumes."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from longibench.benchmark.cohorts.phantom.acquisition import PlainSite
from longibench.benchmark.cohorts.phantom.anatomy import FIELD, Body, displacement
from longibench.benchmark.cohorts.phantom.futures import expected
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


def _write_expected(
    folder: Path, simulation: Simulation, person: Person, visits: Sequence[Visit]
) -> None:
    assert isinstance(simulation.site, PlainSite)
    people, first = simulation.people, displacement(visits[0].positions)
    rng = generator(simulation.settings, person.number, 4)
    velocities = [people.future(person, rng) for _ in range(simulation.settings.futures)]
    futures = [Body(first, people.modes, velocity) for velocity in velocities]
    show = partial(simulation.site.clean, _session(visits[0]))
    later = visits[1:]
    volumes = expected(futures, [visit.years for visit in later], show)
    for visit, volume in zip(later, volumes, strict=True):
        path = truth_file(folder, person.label, visit.label, EXPECTED)
        write_clean(path, volume, visit.acquisition.affine)


def _session(visit: Visit) -> Session:
    assert visit.acquisition.session is not None
    return visit.acquisition.session
