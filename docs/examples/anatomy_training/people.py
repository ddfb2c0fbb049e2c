"""People of the second phantom on three grids: scanned, scanned again, and years later."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from longibench.benchmark.cohorts.phantom.acquisition import PlainSite, noise_of
from longibench.benchmark.cohorts.phantom.people import Population
from longibench.benchmark.cohorts.phantom.person import generator, normal
from longibench.benchmark.cohorts.phantom.simulation import CONTRAST
from longibench.benchmark.cohorts.phantom.template import load_template
from longibench.benchmark.preparation.steps.intensity import scale_brain
from longibench.benchmark.settings.phantom import PhantomSettings

GRIDS_MM = (5.0, 2.5, 1.5)
YEARS = (1.0, 2.0, 3.0, 4.0, 5.0)  # to the later scan, one of them for each person
PERCENTILES = (1.0, 99.5)
STUDY = PhantomSettings(seed=660_133)  # not used in any training

Values = NDArray[np.float32]


@dataclass(frozen=True)
class Scans:
    """One person's scans on one grid, (X, Y, Z) in [-1, 1].

    Attributes:
        first: The first visit.
        again: The same anatomy, scanned again: another position, gain, contrast, bias and noise.
        later: ``years`` after the first visit.
    """

    first: Values
    again: Values
    later: Values


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


class People:
    """Simulates people, every scan of a person by the same scanner."""

    def __init__(
        self, study: PhantomSettings = STUDY, grids_mm: Sequence[float] = GRIDS_MM
    ) -> None:
        """Args: the cohort, and the voxel sizes of the scans."""
        self._study = study
        self._population = Population(study, load_template())
        self._sites = {}
        for size in grids_mm:
            noise = noise_of(study.model_copy(update={"spacing_mm": size}))
            self._sites[size] = PlainSite(self._population.template, size, study.scanner, noise)

    def subject(self, number: int) -> Subject:
        """The person with a number."""
        person = self._population.person(number)
        anatomy = self._population.anatomy(person)
        body = self._population.body(person, anatomy)
        years = YEARS[number % len(YEARS)]
        first, later = body.at(0.0), body.at(years)
        region = self._population.volumes.region(first)
        rng = generator(self._study, number, 2)
        contrast = float(np.exp(CONTRAST * normal(rng)))
        scans = {}
        for size, site in self._sites.items():
            acquire = site.prepare(person, anatomy, contrast)
            scans[size] = Scans(
                *(prepared(acquire(each, rng).scan) for each in (first, first, later))
            )
        before, after = (self._population.volumes.ml(each, region) for each in (first, later))
        return Subject(number, person.group, years, before, after, scans)

    def subjects(self, numbers: Sequence[int]) -> Iterator[Subject]:
        """Several people, one after the other: their scans need much memory."""
        return map(self.subject, numbers)


def prepared(scan: NDArray[np.uint16]) -> Values:
    """A scan as the preparation scales it, (X, Y, Z) in [-1, 1]."""
    return scale_brain(scan.astype(np.float32), scan > 0, PERCENTILES)
