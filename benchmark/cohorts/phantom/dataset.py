"""Writes the simulated cohort as a BIDS dataset, with what is true about it beside it."""

import gzip
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import Tensor

from benchmark.cohorts.phantom import tables
from benchmark.cohorts.phantom.anatomy import FIELD, TISSUES, Body, draw_anatomy, measure
from benchmark.cohorts.phantom.lattice import Lattice
from benchmark.cohorts.phantom.person import YEAR, Person, draw_person, generator, normal
from benchmark.cohorts.phantom.progression import MODES, Modes, atrophy_modes
from benchmark.cohorts.phantom.scanner import Scanner, draw_session
from benchmark.cohorts.phantom.settings import PhantomSettings
from benchmark.cohorts.phantom.template import MEASURED_FWHM_MM, Image, load_template
from benchmark.console import Console
from benchmark.errors import UserError
from benchmark.files import atomic_folder

TRUTH = Path("derivatives", "truth")
Row = dict[str, float | str]

WORKERS = 2
COMPRESSION = 1  # more costs time and saves little


@dataclass(frozen=True)
class Visit:
    """One simulated scan and what is true of it: a row of the truth table."""

    label: str
    days: int
    scan: NDArray[np.uint16]
    truth: Row


@dataclass(frozen=True)
class World:
    """What all participants share."""

    settings: PhantomSettings
    modes: Modes
    tissues: Image
    scanner: Scanner


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
    console.say(f"simulating {settings.subjects} participants at {settings.spacing_mm:g} mm")
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
        scanner=Scanner(template, settings.spacing_mm, settings.scanner),
    )


def simulate(world: World, person: Person, anatomy: Tensor) -> Iterator[Visit]:
    """Simulate a participant's scans in the order of time."""
    rng = generator(world.settings, person.number, 2)
    contrast = float(np.exp(0.08 * normal(rng)))
    body = Body(person, anatomy, world.modes)
    for days in person.days:
        years = days / YEAR
        positions = body.at(person.years_before + years)
        session = draw_session(rng, world.settings.scanner)
        truth: Row = {
            "participant_id": f"sub-{person.label}",
            "session_id": f"ses-{tables.session_label(days)}",
            "years": round(years, 4),
            **asdict(measure(world.tissues, positions)),
            "atrophy_years": person.years_before + years,
            "gain": session.gain,
            **{f"shift_{axis}_mm": session.shift_mm[i] for i, axis in enumerate("xyz")},
            **{f"turn_{axis}_degrees": session.turn_degrees[i] for i, axis in enumerate("xyz")},
        }
        scan = world.scanner.acquire(positions, contrast, session, rng)
        yield Visit(tables.session_label(days), days, scan, truth)


def _write_person(folder: Path, world: World, person: Person) -> list[Row]:
    anatomy = draw_anatomy(world.settings, person, world.modes)
    subject = f"sub-{person.label}"
    file = folder / TRUTH / subject / "anat" / f"{subject}_from-T1w_to-MNI152_mode-image_xfm.nii.gz"
    hundredths = (anatomy * 100).round().numpy().astype(np.int16)
    _write_nifti(file, np.moveaxis(hundredths, 0, -1)[:, :, :, None], FIELD, slope=0.01)
    rows = []
    for visit in simulate(world, person, anatomy):
        stem = f"{subject}_ses-{visit.label}"
        path = folder / subject / f"ses-{visit.label}" / "anat" / f"{stem}_T1w.nii.gz"
        _write_nifti(path, visit.scan, world.scanner.lattice)
        rows.append(visit.truth)
    tables.write_sessions(folder / subject, person)
    return rows


def _write_modes(folder: Path, modes: Modes) -> None:
    for name, velocity in zip(MODES, modes.velocities.numpy(), strict=True):
        values = np.moveaxis(velocity, 0, -1)[:, :, :, None].astype(np.float32)
        _write_nifti(folder / f"velocity-{name}.nii.gz", values, modes.lattice)


def _write_nifti(path: Path, values: NDArray, lattice: Lattice, slope: float = 1.0) -> None:
    """Write a NIfTI without a time stamp, RAS, the lattice's middle at the world's origin."""
    affine = np.diag([lattice.spacing] * 3 + [1.0])
    affine[:3, 3] = lattice.first
    image = nib.Nifti1Image(values, affine)
    image.header.set_xyzt_units("mm", "sec")
    image.set_qform(affine, code=1)
    image.set_sform(affine, code=1)
    if values.ndim == 5:
        image.header.set_intent("vector")
    data = bytearray(image.to_bytes())
    if slope != 1.0:
        data[112:116] = np.float32(slope).tobytes()  # scl_slope; nibabel would rescale the data
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(bytes(data), COMPRESSION, mtime=0))
