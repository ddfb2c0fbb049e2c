"""Two ways to scan a participant: skull-stripped and aligned, or raw and scattered."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from longibench.benchmark.cohorts.phantom.anatomy import displacement
from longibench.benchmark.cohorts.phantom.labels import Labeller
from longibench.benchmark.cohorts.phantom.layers import sample_thickness
from longibench.benchmark.cohorts.phantom.nifti import centred
from longibench.benchmark.cohorts.phantom.person import Person, generator
from longibench.benchmark.cohorts.phantom.raw_scanner import Head, RawScanner
from longibench.benchmark.cohorts.phantom.raw_session import RawSession, sample_raw_session
from longibench.benchmark.cohorts.phantom.scanner import Scanner, Session, sample_session
from longibench.benchmark.cohorts.phantom.surroundings import participant_surroundings, surround
from longibench.benchmark.cohorts.phantom.template import Template
from longibench.benchmark.cohorts.phantom.truth import Voxels
from longibench.benchmark.settings.phantom import (
    PhantomSettings,
    ScannerSettings,
    StudySettings,
)
from longibench.benchmark.settings.phantom_clean import CleanSettings

Row = dict[str, float | str]


@dataclass(frozen=True)
class Acquisition:
    """One scan.

    Attributes:
        scan: Intensities (I, J, K).
        affine: Voxel indices to RAS mm, (4, 4).
        row: Its ground truth, for the truth table.
        voxels: Ground truth of a raw scan's voxels.
        clean: The visit's anatomy as the participant's first scan would show it, without noise.
        session: What the scanner did, of a plain scan.
    """

    scan: NDArray[np.uint16]
    affine: NDArray[np.float64]
    row: Row
    voxels: Voxels | None = None
    clean: NDArray[np.float32] | None = None
    session: Session | None = None


Acquire = Callable[[Tensor, Generator], Acquisition]


class Site(Protocol):
    """An imaging site, where participants are scanned."""

    def prepare(self, person: Person, anatomy: Tensor, contrast: float) -> Acquire:
        """Prepare a participant for all visits; each visit then needs its map and a generator.

        Args:
            person: The participant.
            anatomy: Displacement of ``sample_anatomy``.
            contrast: Exponent on the template's intensities.
        """


def build_site(template: Template, settings: PhantomSettings | CleanSettings) -> Site:
    """The site of the settings."""
    if settings.scattered:
        return RawSite(template, settings)
    return PlainSite(template, settings.spacing_mm, settings.scanner, noise_of(settings))


def noise_of(settings: PhantomSettings | CleanSettings) -> float:
    """Noise of a plain scan, relative to white matter.

    Resampling a scan of 1 mm averages its noise over the voxel; the first version's is the same at
    every voxel size.
    """
    noise = settings.scanner.noise
    return noise if isinstance(settings, CleanSettings) else noise * settings.spacing_mm**-1.5


class PlainSite:
    """Heads are skull-stripped, and nearly aligned on one lattice."""

    def __init__(
        self, template: Template, spacing_mm: float, settings: ScannerSettings, noise: float
    ) -> None:
        """Args: the template, the voxel size, what the scanner adds, and the scan's noise."""
        self._settings = settings
        self._scanner = Scanner(template, spacing_mm, noise)
        self._affine = centred(self._scanner.lattice)

    def prepare(self, person: Person, anatomy: Tensor, contrast: float) -> Acquire:
        """See ``Site``."""
        sessions: list[Session] = []

        def acquire(positions: Tensor, rng: Generator) -> Acquisition:
            session = sample_session(rng, self._settings, contrast)
            sessions.append(session)
            return Acquisition(
                scan=self._scanner.acquire(positions, session, rng),
                affine=self._affine,
                row={"contrast": session.contrast, **_random_effects(session)},
                clean=self.clean(sessions[0], positions),
                session=session,
            )

        return acquire

    def clean(self, session: Session, positions: Tensor) -> NDArray[np.float32]:
        """What a session shows of an anatomy, without noise, (X, Y, Z)."""
        return self._scanner.clean(positions, session)


class RawSite:
    """Whole heads, at any position in the scanner, on a different grid at every visit."""

    def __init__(self, template: Template, settings: StudySettings) -> None:
        """Args: the template, and the cohort."""
        self._settings = settings
        self._scanner = RawScanner(template, settings.raw)
        self._labeller = Labeller(template)
        self._surroundings = surround(template)

    def prepare(self, person: Person, anatomy: Tensor, contrast: float) -> Acquire:
        """See ``Site``."""
        around = participant_surroundings(self._surroundings, anatomy)
        thickness = sample_thickness(generator(self._settings, person.number, 3))

        def acquire(positions: Tensor, rng: Generator) -> Acquisition:
            head = Head(displacement(positions), around, contrast, thickness)
            return self._acquire(head, rng)

        return acquire

    def _acquire(self, head: Head, rng: Generator) -> Acquisition:
        session = sample_raw_session(rng, self._settings.raw)
        scan = self._scanner.acquire(head, session, rng)
        labels = self._labeller.on_grid(head.moved, session)
        row = {**_random_effects(session), **_grid(session)}
        return Acquisition(scan, session.affine, row, Voxels(labels, session.pose))


def _random_effects(session: Session | RawSession) -> Row:
    return {
        "gain": session.gain,
        **{f"shift_{axis}_mm": session.shift_mm[i] for i, axis in enumerate("xyz")},
        **{f"turn_{axis}_degrees": session.turn_degrees[i] for i, axis in enumerate("xyz")},
    }


def _grid(session: RawSession) -> Row:
    return {
        "orientation": session.orientation,
        "in_plane_mm": session.protocol.in_plane_mm,
        "slice_mm": session.protocol.slice_mm,
    }
