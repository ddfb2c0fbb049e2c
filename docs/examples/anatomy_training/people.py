"""People of the second phantom on three grids: scanned, scanned again, and years later."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from anatomy_training.images import MAPS, PERCENTILES, shown_tissue
from longibench.benchmark.cohorts.phantom.acquisition import noise_of
from longibench.benchmark.cohorts.phantom.ageing import TISSUES, amount
from longibench.benchmark.cohorts.phantom.anatomy import FIELD, Body, displacement
from longibench.benchmark.cohorts.phantom.people import Population
from longibench.benchmark.cohorts.phantom.person import generator, normal
from longibench.benchmark.cohorts.phantom.scanner import (
    Scanner,
    Session,
    field_of_view,
    sample_session,
    to_head,
)
from longibench.benchmark.cohorts.phantom.simulation import CONTRAST
from longibench.benchmark.cohorts.phantom.template import Template, load_template
from longibench.benchmark.preparation.steps.intensity import scale_brain
from longibench.benchmark.settings.phantom import PhantomSettings

GRIDS_MM = (5.0, 2.5, 1.5)
YEARS = (1.0, 2.0, 3.0, 4.0, 5.0)  # to the later scan, one of them for each person
STUDY = PhantomSettings(seed=660_133)  # not used in any training

Values = NDArray[np.float32]


@dataclass(frozen=True)
class Visits:
    """Maps (3, X, Y, Z) of one person's anatomies into the template; see ``Scans``."""

    first: Tensor
    later: Tensor
    shrunk: tuple[Tensor, ...]


@dataclass(frozen=True)
class Scans:
    """One person's scans on one grid, (X, Y, Z) in [-1, 1].

    Attributes:
        first: The first visit.
        again: The same anatomy, scanned again: another position, gain, contrast, bias and noise.
        later: ``years`` after the first visit.
        shrunk: Acquired exactly as ``again``, with smaller ventricles.
        tissue: True share of each tissue in the voxels of ``first``, (6, X, Y, Z).
    """

    first: Values
    again: Values
    later: Values
    shrunk: tuple[Values, ...]
    tissue: Values


@dataclass(frozen=True)
class Subject:
    """One person.

    Attributes:
        number: Counted from 1.
        group: Diagnostic group.
        years: Between ``first`` and ``later``.
        before: True volumes at the first visit, ml, by the names of ``truth.tsv``.
        after: The same, ``years`` later.
        scans: By grid in mm.
    """

    number: int
    group: str
    years: float
    before: dict[str, float]
    after: dict[str, float]
    scans: dict[float, Scans]


class Machine:
    """A scanner on one grid, whose scans are prepared."""

    def __init__(self, template: Template, spacing_mm: float, study: PhantomSettings) -> None:
        """Args: what people are deformed from, the voxel size, and the cohort."""
        noise = noise_of(study.model_copy(update={"spacing_mm": spacing_mm}))
        self._scanner = Scanner(template, spacing_mm, noise)
        self._settings = study.scanner
        self._maps = template.at(spacing_mm, *MAPS)
        self._lattice = field_of_view(spacing_mm)

    def scans(self, visits: Visits, contrast: float, rng: Generator) -> Scans:
        """Scan a person; ``contrast`` is the person's exponent on intensities."""

        def shoot(positions: Tensor, rng: Generator) -> tuple[Values, Session]:
            session = sample_session(rng, self._settings, contrast)
            return prepared(self._scanner.acquire(positions, session, rng)), session

        first, session = shoot(visits.first, rng)
        as_again = deepcopy(rng)
        again, _ = shoot(visits.first, rng)
        later, _ = shoot(visits.later, rng)
        shrunk = tuple(shoot(each, deepcopy(as_again))[0] for each in visits.shrunk)
        tissue = shown_tissue(self._placed(visits.first, session), first > -1)
        return Scans(first, again, later, shrunk, tissue)

    def _placed(self, positions: Tensor, session: Session) -> Values:
        """``MAPS`` of a person as a scan shows them."""
        placed = FIELD.sample(positions, to_head(self._lattice.points(), session), "border")
        maps = self._maps.at(placed).numpy().T
        return maps.reshape(len(MAPS), *self._lattice.shape)


class People:
    """Simulates people, every scan of a person by the same scanner."""

    def __init__(
        self,
        study: PhantomSettings = STUDY,
        grids_mm: Sequence[float] = GRIDS_MM,
        years: Sequence[float] = YEARS,
        shrinkage: Sequence[float] = (),
    ) -> None:
        """Prepare what all people share.

        Args:
            study: The cohort.
            grids_mm: Voxel sizes of the scans.
            years: Between first and later scan; person after person has the next of them.
            shrinkage: By which shares ventricles are smaller in ``Scans.shrunk``.
        """
        self._study, self._years, self._shrinkage = study, years, shrinkage
        self._population = Population(study, load_template())
        template = self._population.template
        self._machines = {size: Machine(template, size, study) for size in grids_mm}

    def subject(self, number: int) -> Subject:
        """The person with a number, counted from 1."""
        person = self._population.person(number)
        body = self._population.body(person, self._population.anatomy(person))
        years = self._years[number % len(self._years)]
        first, later = body.at(0.0), body.at(years)
        visits = Visits(first, later, tuple(self._shrunk(first, each) for each in self._shrinkage))
        rng = generator(self._study, number, 2)
        contrast = float(np.exp(CONTRAST * normal(rng)))
        scans = {
            size: machine.scans(visits, contrast, rng) for size, machine in self._machines.items()
        }
        volumes = self._population.volumes
        region = volumes.region(first)
        before, after = (volumes.ml(each, region) for each in (first, later))
        return Subject(number, person.group, years, before, after, scans)

    def _shrunk(self, positions: Tensor, share: float) -> Tensor:
        """The map of a visit with ventricles smaller by a share, and nothing else changed."""
        modes = self._population.modes
        change = dict.fromkeys(TISSUES, 0.0) | {"ventricles": amount(1 - share)}
        velocity = modes.velocity(modes.weights(change))
        return Body(displacement(positions), modes, velocity).at(1.0)


def prepared(scan: NDArray[np.uint16]) -> Values:
    """A scan as the preparation scales it, (X, Y, Z) in [-1, 1]."""
    return scale_brain(scan.astype(np.float32), scan > 0, PERCENTILES)
