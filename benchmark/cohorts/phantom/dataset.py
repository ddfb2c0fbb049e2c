"""Writes the simulated cohort as a BIDS dataset, with its ground truth."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from torch import Tensor

from longibench.benchmark.cohorts.phantom import tables
from longibench.benchmark.cohorts.phantom.acquisition import Acquisition, Row, Site, build_site
from longibench.benchmark.cohorts.phantom.anatomy import (
    FIELD,
    TISSUES,
    Body,
    measure,
    sample_anatomy,
)
from longibench.benchmark.cohorts.phantom.nifti import centred, write_nifti
from longibench.benchmark.cohorts.phantom.person import (
    YEAR,
    Person,
    generator,
    normal,
    sample_person,
)
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
    """One simulated scan and its ground truth: a row of the truth table."""

    label: str
    acquisition: Acquisition
    truth: Row


@dataclass(frozen=True)
class Simulation:
    """What all simulated participants share."""

    settings: PhantomSettings
    modes: Modes
    tissues: Image
    site: Site


def write_phantom(
    out: Path,
    settings: PhantomSettings,
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
    simulation = _simulation(settings)
    with atomic_folder(out) as folder:
        participants = [
            sample_person(settings, number) for number in range(1, settings.subjects + 1)
        ]
        truth: list[Row] = []
        with ThreadPoolExecutor(WORKERS) as pool:  # sampling and compression release Python's lock
            written = pool.map(partial(_write_person, folder, simulation), participants)
            for rows in console.track(written, "simulating the cohort", settings.subjects):
                truth += rows
        _write_modes(folder / TRUTH, simulation.modes)
        tables.write_cohort(folder, TRUTH, settings, participants, pd.DataFrame(truth))
        if finish:
            finish(folder)


def _simulation(settings: PhantomSettings) -> Simulation:
    template = load_template()
    return Simulation(
        settings=settings,
        modes=atrophy_modes(template),
        tissues=template.at(MEASURED_FWHM_MM, *TISSUES),
        site=build_site(template, settings),
    )


def simulate(simulation: Simulation, person: Person, anatomy: Tensor) -> Iterator[Visit]:
    """Simulate a participant's scans in order of time."""
    rng = generator(simulation.settings, person.number, 2)
    contrast = float(np.exp(0.08 * normal(rng)))
    body = Body(person, anatomy, simulation.modes)
    acquire = simulation.site.prepare(person, anatomy, contrast)
    for days in person.days:
        years = days / YEAR
        positions = body.at(person.years_before + years)
        acquisition = acquire(positions, rng)
        truth: Row = {
            "participant_id": f"sub-{person.label}",
            "session_id": f"ses-{tables.session_label(days)}",
            "years": round(years, 4),
            **asdict(measure(simulation.tissues, positions)),
            "atrophy_years": person.years_before + years,
            **acquisition.row,
        }
        yield Visit(tables.session_label(days), acquisition, truth)


def _write_person(folder: Path, simulation: Simulation, person: Person) -> list[Row]:
    anatomy = sample_anatomy(simulation.settings, person, simulation.modes)
    subject = f"sub-{person.label}"
    file = folder / TRUTH / subject / "anat" / f"{subject}_from-T1w_to-MNI152_mode-image_xfm.nii.gz"
    hundredths = (anatomy * 100).round().numpy().astype(np.int16)
    write_nifti(file, np.moveaxis(hundredths, 0, -1)[:, :, :, None], centred(FIELD), slope=0.01)
    rows = []
    for visit in simulate(simulation, person, anatomy):
        stem = f"{subject}_ses-{visit.label}"
        path = folder / subject / f"ses-{visit.label}" / "anat" / f"{stem}_T1w.nii.gz"
        write_nifti(path, visit.acquisition.scan, visit.acquisition.affine)
        if visit.acquisition.voxels:
            voxels, affine = visit.acquisition.voxels, visit.acquisition.affine
            write_voxels(folder, person.label, visit.label, voxels, affine)
        rows.append(visit.truth)
    tables.write_sessions(folder / subject, person)
    return rows


def _write_modes(folder: Path, modes: Modes) -> None:
    for name, velocity in zip(MODES, modes.velocities.numpy(), strict=True):
        values = np.moveaxis(velocity, 0, -1)[:, :, :, None].astype(np.float32)
        write_nifti(folder / f"velocity-{name}.nii.gz", values, centred(modes.lattice))
