"""Writes the simulated cohort as a BIDS dataset, with what is true about it beside it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from torch import Tensor

from longibench.benchmark.cohorts.phantom import tables
from longibench.benchmark.cohorts.phantom.acquisition import Row, Shot, Studio, open_studio
from longibench.benchmark.cohorts.phantom.anatomy import FIELD, TISSUES, Body, draw_anatomy, measure
from longibench.benchmark.cohorts.phantom.nifti import centred, write_nifti
from longibench.benchmark.cohorts.phantom.person import YEAR, Person, draw_person, generator, normal
from longibench.benchmark.cohorts.phantom.progression import MODES, Modes, atrophy_modes
from longibench.benchmark.cohorts.phantom.template import MEASURED_FWHM_MM, Image, load_template
from longibench.benchmark.cohorts.phantom.truth import TRUTH, write_voxels
from longibench.benchmark.core.console import Console
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.files import atomic_folder
from longibench.benchmark.settings.phantom import PhantomSettings

WORKERS = 2


@dataclass(frozen=True)
class Visit:
    """One simulated scan and what is true of it: a row of the truth table."""

    label: str
    shot: Shot
    truth: Row


@dataclass(frozen=True)
class World:
    """What all participants share."""

    settings: PhantomSettings
    modes: Modes
    tissues: Image
    studio: Studio


def write_phantom(out: Path, settings: PhantomSettings, console: Console) -> None:
    """Simulate the cohort and write it as a valid BIDS dataset; the same settings, the same bytes.

    Args:
        out: The folder to make; it must not exist or be empty.
        settings: The cohort.
        console: Where progress is shown.

    Raises:
        UserError: The folder holds something already, or cannot be written.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out}: exists already; name a new folder for the simulated cohort")
    kind = "as raw heads" if settings.scattered else f"at {settings.spacing_mm:g} mm"
    console.say(f"simulating {settings.subjects} participants {kind}")
    world = _world(settings)
    with atomic_folder(out) as folder:
        people = [draw_person(settings, number) for number in range(1, settings.subjects + 1)]
        truth: list[Row] = []
        with ThreadPoolExecutor(WORKERS) as pool:  # sampling and compression leave Python's lock
            written = pool.map(partial(_write_person, folder, world), people)
            for rows in console.track(written, "simulating the cohort", settings.subjects):
                truth += rows
        _write_modes(folder / TRUTH, world.modes)
        tables.write_cohort(folder, TRUTH, settings, people, pd.DataFrame(truth))


def _world(settings: PhantomSettings) -> World:
    template = load_template()
    return World(
        settings=settings,
        modes=atrophy_modes(template),
        tissues=template.at(MEASURED_FWHM_MM, *TISSUES),
        studio=open_studio(template, settings),
    )


def simulate(world: World, person: Person, anatomy: Tensor) -> Iterator[Visit]:
    """Simulate a participant's scans in the order of time."""
    rng = generator(world.settings, person.number, 2)
    contrast = float(np.exp(0.08 * normal(rng)))
    body = Body(person, anatomy, world.modes)
    shoot = world.studio.admit(person, anatomy, contrast)
    for days in person.days:
        years = days / YEAR
        positions = body.at(person.years_before + years)
        shot = shoot(positions, rng)
        truth: Row = {
            "participant_id": f"sub-{person.label}",
            "session_id": f"ses-{tables.session_label(days)}",
            "years": round(years, 4),
            **asdict(measure(world.tissues, positions)),
            "atrophy_years": person.years_before + years,
            **shot.row,
        }
        yield Visit(tables.session_label(days), shot, truth)


def _write_person(folder: Path, world: World, person: Person) -> list[Row]:
    anatomy = draw_anatomy(world.settings, person, world.modes)
    subject = f"sub-{person.label}"
    file = folder / TRUTH / subject / "anat" / f"{subject}_from-T1w_to-MNI152_mode-image_xfm.nii.gz"
    hundredths = (anatomy * 100).round().numpy().astype(np.int16)
    write_nifti(file, np.moveaxis(hundredths, 0, -1)[:, :, :, None], centred(FIELD), slope=0.01)
    rows = []
    for visit in simulate(world, person, anatomy):
        stem = f"{subject}_ses-{visit.label}"
        path = folder / subject / f"ses-{visit.label}" / "anat" / f"{stem}_T1w.nii.gz"
        write_nifti(path, visit.shot.scan, visit.shot.affine)
        if visit.shot.voxels:
            voxels, affine = visit.shot.voxels, visit.shot.affine
            write_voxels(folder, person.label, visit.label, voxels, affine)
        rows.append(visit.truth)
    tables.write_sessions(folder / subject, person)
    return rows


def _write_modes(folder: Path, modes: Modes) -> None:
    for name, velocity in zip(MODES, modes.velocities.numpy(), strict=True):
        values = np.moveaxis(velocity, 0, -1)[:, :, :, None].astype(np.float32)
        write_nifti(folder / f"velocity-{name}.nii.gz", values, centred(modes.lattice))
