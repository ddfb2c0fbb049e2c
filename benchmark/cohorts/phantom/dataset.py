"""Writes the simulated cohort as a BIDS dataset, with its ground truth."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
from torch import Tensor

from longibench.benchmark.cohorts.phantom import tables
from longibench.benchmark.cohorts.phantom.acquisition import Acquisition, Row, Site, build_site
from longibench.benchmark.cohorts.phantom.anatomy import FIELD, Body, displacement
from longibench.benchmark.cohorts.phantom.clean import CleanPopulation
from longibench.benchmark.cohorts.phantom.labels import Labeller
from longibench.benchmark.cohorts.phantom.nifti import centred, write_nifti
from longibench.benchmark.cohorts.phantom.people import Population
from longibench.benchmark.cohorts.phantom.person import YEAR, Person, generator, normal
from longibench.benchmark.cohorts.phantom.progression import Modes
from longibench.benchmark.cohorts.phantom.template import Template, load_template
from longibench.benchmark.cohorts.phantom.truth import (
    CLEAN,
    DSEG,
    TRUTH,
    WARP,
    truth_file,
    write_clean,
    write_voxels,
    write_warp,
)
from longibench.benchmark.cohorts.phantom.volumes import Volumes
from longibench.benchmark.cohorts.phantom.warp import FirstVisit
from longibench.benchmark.core.console import Console
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.files import atomic_folder
from longibench.benchmark.settings.phantom import PhantomSettings
from longibench.benchmark.settings.phantom_clean import CleanSettings

WORKERS = 2
CONTRAST = 0.08  # standard deviation between participants of the logarithm of the exponent


class People(Protocol):
    """The participants of one version of the phantom."""

    @property
    def template(self) -> Template:
        """What they are deformed from."""

    @property
    def modes(self) -> Modes:
        """The template's modes of change."""

    def person(self, number: int) -> Person:
        """The participant with a number, counted from 1."""

    def anatomy(self, person: Any) -> Tensor:
        """Displacement (3, X, Y, Z) on ``FIELD`` to the template, rounded as it is stored."""

    def body(self, person: Any, anatomy: Tensor) -> Body:
        """The participant from the first visit on."""


@dataclass(frozen=True)
class Visit:
    """One simulated scan and its ground truth: a row of the truth table."""

    label: str
    positions: Tensor
    acquisition: Acquisition
    truth: Row


@dataclass(frozen=True)
class Simulation:
    """What all simulated participants share."""

    settings: PhantomSettings | CleanSettings
    people: People
    site: Site
    volumes: Volumes
    labeller: Labeller | None


def write_phantom(
    out: Path,
    settings: PhantomSettings | CleanSettings,
    console: Console,
    finish: Callable[[Path], None] | None = None,
) -> None:
    """Simulate the cohort and write it as a valid BIDS dataset; the same settings, the same bytes.

    Args:
        out: The folder to create; it must not exist, or be empty.
        settings: The cohort.
        console: Where progress is shown.
        finish: Called with the written files' folder, before it appears as ``out``.

    Raises:
        UserError: The folder is not empty, or cannot be written.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out}: exists already; name a new folder for the simulated cohort")
    kind = "as raw heads" if settings.scattered else f"at {settings.spacing_mm:g} mm"
    console.say(f"simulating {settings.subjects} participants {kind}")
    simulation = build_simulation(settings)
    with atomic_folder(out) as folder:
        numbers = range(1, settings.subjects + 1)
        participants = [simulation.people.person(number) for number in numbers]
        truth: list[Row] = []
        with ThreadPoolExecutor(WORKERS) as pool:  # sampling and compression release Python's lock
            written = pool.map(partial(_write_person, folder, simulation), participants)
            for rows in console.track(written, "simulating the cohort", settings.subjects):
                truth += rows
        _write_modes(folder / TRUTH, simulation.people.modes)
        tables.write_cohort(folder, TRUTH, settings, participants, pd.DataFrame(truth))
        if finish:
            finish(folder)


def build_simulation(settings: PhantomSettings | CleanSettings) -> Simulation:
    """Load and prepare what all participants share."""
    mni = load_template()
    people: People = (
        CleanPopulation(settings, mni)
        if isinstance(settings, CleanSettings)
        else Population(settings, mni)
    )
    labelled = settings.labels and not settings.scattered
    return Simulation(
        settings=settings,
        people=people,
        site=build_site(people.template, settings),
        volumes=Volumes(people.template),
        labeller=Labeller(people.template) if labelled else None,
    )


def simulate(simulation: Simulation, person: Person, anatomy: Tensor) -> Iterator[Visit]:
    """Simulate a participant's scans in order of time."""
    rng = generator(simulation.settings, person.number, 2)
    contrast = float(np.exp(CONTRAST * normal(rng)))
    body = simulation.people.body(person, anatomy)
    acquire = simulation.site.prepare(person, anatomy, contrast)
    near: Tensor | None = None
    for days in person.days:
        years = days / YEAR
        positions = body.at(years)
        near = simulation.volumes.near(positions) if near is None else near
        acquisition = acquire(positions, rng)
        truth: Row = {
            "participant_id": f"sub-{person.label}",
            "session_id": f"ses-{tables.session_label(days)}",
            "years": round(years, 4),
            **simulation.volumes.ml(positions, near),
            "smallest_jacobian": simulation.volumes.smallest_jacobian(positions),
            **acquisition.row,
        }
        yield Visit(tables.session_label(days), positions, acquisition, truth)


def _write_person(folder: Path, simulation: Simulation, person: Person) -> list[Row]:
    anatomy = simulation.people.anatomy(person)
    subject = f"sub-{person.label}"
    file = folder / TRUTH / subject / "anat" / f"{subject}_from-T1w_to-MNI152_mode-image_xfm.nii.gz"
    write_warp(file, anatomy.numpy(), centred(FIELD))
    rows: list[Row] = []
    first: FirstVisit | None = None
    for visit in simulate(simulation, person, anatomy):
        stem = f"{subject}_ses-{visit.label}"
        path = folder / subject / f"ses-{visit.label}" / "anat" / f"{stem}_T1w.nii.gz"
        write_nifti(path, visit.acquisition.scan, visit.acquisition.affine)
        if visit.acquisition.voxels:
            voxels, affine = visit.acquisition.voxels, visit.acquisition.affine
            write_voxels(folder, person.label, visit.label, voxels, affine)
        first = _write_plain_truth(folder, simulation, person, visit, first)
        rows.append(visit.truth)
    tables.write_sessions(folder / subject, person)
    return rows


def _write_plain_truth(
    folder: Path, simulation: Simulation, person: Person, visit: Visit, first: FirstVisit | None
) -> FirstVisit | None:
    """Write the ground truth of a plain scan; returns the first visit of the participant."""
    acquisition = visit.acquisition
    if acquisition.clean is None or acquisition.session is None:
        return None

    def place(kind: str) -> Path:
        return truth_file(folder, person.label, visit.label, kind)

    write_clean(place(CLEAN), acquisition.clean, acquisition.affine)
    if simulation.labeller:
        moved = displacement(visit.positions)
        labels, lattice = simulation.labeller.of_plain(moved, acquisition.session)
        write_nifti(place(DSEG), labels, centred(lattice))
    if first is None:
        return FirstVisit(visit.positions, acquisition.session)
    write_warp(place(WARP), first.displacement(visit.positions).numpy(), centred(FIELD))
    return first


def _write_modes(folder: Path, modes: Modes) -> None:
    for name, velocity in zip(modes.names, modes.velocities.numpy(), strict=True):
        values = np.moveaxis(velocity, 0, -1)[:, :, :, None].astype(np.float32)
        write_nifti(folder / f"velocity-{name}.nii.gz", values, centred(modes.lattice))
