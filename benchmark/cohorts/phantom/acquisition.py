"""The two ways of scanning a participant: stripped and aligned, or raw and scattered."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from longibench.benchmark.cohorts.phantom.anatomy import displacement
from longibench.benchmark.cohorts.phantom.labels import Labeller
from longibench.benchmark.cohorts.phantom.layers import draw_thickness
from longibench.benchmark.cohorts.phantom.nifti import centred
from longibench.benchmark.cohorts.phantom.person import Person, generator
from longibench.benchmark.cohorts.phantom.raw_scanner import Head, RawScanner
from longibench.benchmark.cohorts.phantom.raw_session import RawSession, draw_raw_session
from longibench.benchmark.cohorts.phantom.scanner import Scanner, Session, draw_session
from longibench.benchmark.cohorts.phantom.surroundings import participant_surroundings, surround
from longibench.benchmark.cohorts.phantom.template import Template
from longibench.benchmark.cohorts.phantom.truth import Voxels
from longibench.benchmark.settings.phantom import PhantomSettings

Row = dict[str, float | str]


@dataclass(frozen=True)
class Shot:
    """One scan.

    Attributes:
        scan: Intensities (I, J, K).
        affine: Voxel indices to RAS mm, (4, 4).
        row: What is true of it, for the truth table.
        voxels: What is true of a raw scan's voxels.
    """

    scan: NDArray[np.uint16]
    affine: NDArray[np.float64]
    row: Row
    voxels: Voxels | None = None


Shoot = Callable[[Tensor, Generator], Shot]


class Studio(Protocol):
    """Where participants are scanned."""

    def admit(self, person: Person, anatomy: Tensor, contrast: float) -> Shoot:
        """Prepare a participant for all visits; each then needs the visit's map and a generator.

        Args:
            person: The participant.
            anatomy: Displacement of ``draw_anatomy``.
            contrast: Exponent on the template's intensities.
        """


def open_studio(template: Template, settings: PhantomSettings) -> Studio:
    """The studio that the settings ask for."""
    if settings.scattered:
        return RawStudio(template, settings)
    return PlainStudio(template, settings)


class PlainStudio:
    """Heads are stripped, and nearly aligned on one lattice."""

    def __init__(self, template: Template, settings: PhantomSettings) -> None:
        """Args: the template, and the cohort."""
        self._settings = settings.scanner
        self._scanner = Scanner(template, settings.spacing_mm, settings.scanner)
        self._affine = centred(self._scanner.lattice)

    def admit(self, person: Person, anatomy: Tensor, contrast: float) -> Shoot:
        """See ``Studio``."""
        return partial(self._shoot, contrast)

    def _shoot(self, contrast: float, positions: Tensor, rng: Generator) -> Shot:
        session = draw_session(rng, self._settings)
        scan = self._scanner.acquire(positions, contrast, session, rng)
        return Shot(scan, self._affine, _accidents(session))


class RawStudio:
    """Whole heads, anywhere in the scanner, on another grid at every visit."""

    def __init__(self, template: Template, settings: PhantomSettings) -> None:
        """Args: the template, and the cohort."""
        self._settings = settings
        self._scanner = RawScanner(template, settings.raw)
        self._labeller = Labeller(template)
        self._surroundings = surround(template)

    def admit(self, person: Person, anatomy: Tensor, contrast: float) -> Shoot:
        """See ``Studio``."""
        around = participant_surroundings(self._surroundings, anatomy)
        thickness = draw_thickness(generator(self._settings, person.number, 3))

        def shoot(positions: Tensor, rng: Generator) -> Shot:
            head = Head(displacement(positions), around, contrast, thickness)
            return self._shoot(head, rng)

        return shoot

    def _shoot(self, head: Head, rng: Generator) -> Shot:
        session = draw_raw_session(rng, self._settings.raw)
        scan = self._scanner.acquire(head, session, rng)
        labels = self._labeller.on_grid(head.moved, session)
        row = {**_accidents(session), **_grid(session), **self._volumes(head)}
        return Shot(scan, session.affine, row, Voxels(labels, session.pose))

    def _volumes(self, head: Head) -> Row:
        volumes = self._labeller.volumes_ml(head.moved)
        return {f"label_{name}_ml": value for name, value in volumes.items()}


def _accidents(session: Session | RawSession) -> Row:
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
