"""Writes the simulated cohort as a BIDS dataset, with its ground truth."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from longibench.benchmark.cohorts.phantom import tables
from longibench.benchmark.cohorts.phantom.acquisition import PlainSite, Row
from longibench.benchmark.cohorts.phantom.anatomy import FIELD
from longibench.benchmark.cohorts.phantom.nifti import centred, write_nifti
from longibench.benchmark.cohorts.phantom.person import Person
from longibench.benchmark.cohorts.phantom.plain_truth import write_plain_truth
from longibench.benchmark.cohorts.phantom.progression import Modes
from longibench.benchmark.cohorts.phantom.simulation import (
    Simulation,
    build_simulation,
    simulate,
)
from longibench.benchmark.cohorts.phantom.truth import TRUTH, write_voxels, write_warp
from longibench.benchmark.core.console import Console
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.files import atomic_folder
from longibench.benchmark.core.threads import one_torch_thread, quick_switches
from longibench.benchmark.settings.phantom import PhantomSettings
from longibench.benchmark.settings.phantom_clean import CleanSettings

WORKERS = 2


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
        # Sampling and compression release Python's lock.
        with one_torch_thread(), quick_switches(), ThreadPoolExecutor(WORKERS) as pool:
            written = pool.map(partial(_write_person, folder, simulation), participants)
            for rows in console.track(written, "simulating the cohort", settings.subjects):
                truth += rows
        _write_modes(folder / TRUTH, simulation.people.modes)
        tables.write_cohort(folder, TRUTH, settings, participants, pd.DataFrame(truth))
        if finish:
            finish(folder)


def _write_person(folder: Path, simulation: Simulation, person: Person) -> list[Row]:
    anatomy = simulation.people.anatomy(person)
    subject = f"sub-{person.label}"
    file = folder / TRUTH / subject / "anat" / f"{subject}_from-T1w_to-MNI152_mode-image_xfm.nii.gz"
    write_warp(file, anatomy.numpy(), centred(FIELD))
    visits = []
    for visit in simulate(simulation, person, anatomy):
        stem = f"{subject}_ses-{visit.label}"
        path = folder / subject / f"ses-{visit.label}" / "anat" / f"{stem}_T1w.nii.gz"
        write_nifti(path, visit.acquisition.scan, visit.acquisition.affine)
        if visit.acquisition.voxels:
            voxels, affine = visit.acquisition.voxels, visit.acquisition.affine
            write_voxels(folder, person.label, visit.label, voxels, affine)
        visits.append(visit)
    if isinstance(simulation.site, PlainSite):
        write_plain_truth(folder, simulation, person, visits)
    tables.write_sessions(folder / subject, person)
    return [visit.truth for visit in visits]


def _write_modes(folder: Path, modes: Modes) -> None:
    for name, velocity in zip(modes.names, modes.velocities.numpy(), strict=True):
        values = np.moveaxis(velocity, 0, -1)[:, :, :, None].astype(np.float32)
        write_nifti(folder / f"velocity-{name}.nii.gz", values, centred(modes.lattice))
