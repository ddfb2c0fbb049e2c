"""One participant after another: anatomy, visits, scans and true volumes."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.random import Generator
from torch import Tensor

from longibench.benchmark.cohorts.phantom import tables
from longibench.benchmark.cohorts.phantom.acquisition import Acquisition, Row, Site, build_site
from longibench.benchmark.cohorts.phantom.anatomy import Body
from longibench.benchmark.cohorts.phantom.clean import CleanPopulation
from longibench.benchmark.cohorts.phantom.labels import Labeller
from longibench.benchmark.cohorts.phantom.people import Population
from longibench.benchmark.cohorts.phantom.person import YEAR, Person, generator, normal
from longibench.benchmark.cohorts.phantom.progression import Modes
from longibench.benchmark.cohorts.phantom.template import Template, load_template
from longibench.benchmark.cohorts.phantom.volumes import Region, Volumes
from longibench.benchmark.settings.phantom import PhantomSettings
from longibench.benchmark.settings.phantom_clean import CleanSettings

REGION_YEARS = 6.0  # so long the ventricles stay within the first visit's region
CONTRAST = 0.08  # standard deviation between participants of the logarithm of the exponent


class People(Protocol):
    """The participants of one version of the phantom."""

    @property
    def template(self) -> Template:
        """What all of them are deformed from."""

    @property
    def modes(self) -> Modes:
        """The template's modes of change."""

    @property
    def volumes(self) -> Volumes:
        """Measures true volumes by the template's maps."""

    def person(self, number: int) -> Person:
        """The participant with a number, counted from 1."""

    def anatomy(self, person: Any) -> Tensor:
        """Displacement (3, X, Y, Z) on ``FIELD`` to the template, rounded as it is stored."""

    def body(self, person: Any, anatomy: Tensor) -> Body:
        """The participant from the first visit on."""

    def velocity(self, person: Any) -> Tensor:
        """Velocity (3, X, Y, Z) of a participant's change after the first visit, mm per year."""

    def future(self, person: Any, rng: Generator) -> Tensor:
        """Velocity (3, X, Y, Z) of another future of the same first visit, mm per year."""


@dataclass(frozen=True)
class Visit:
    """One simulated scan and its ground truth: a row of the truth table."""

    label: str
    years: float
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


def build_simulation(settings: PhantomSettings | CleanSettings) -> Simulation:
    """Load and prepare what all participants share."""
    mni = load_template()
    people: People = (
        CleanPopulation(settings, mni)
        if isinstance(settings, CleanSettings)
        else Population(settings, mni)
    )
    return Simulation(
        settings=settings,
        people=people,
        site=build_site(people.template, settings),
        volumes=people.volumes,
        labeller=Labeller(people.template) if settings.labels else None,
    )


def simulate(simulation: Simulation, person: Person, anatomy: Tensor) -> Iterator[Visit]:
    """Simulate a participant's scans in order of time."""
    rng = generator(simulation.settings, person.number, 2)
    contrast = float(np.exp(CONTRAST * normal(rng)))
    body = simulation.people.body(person, anatomy)
    acquire = simulation.site.prepare(person, anatomy, contrast)
    region: Region | None = None
    for days in person.days:
        years = days / YEAR
        positions = body.at(years)
        if region is None or years > REGION_YEARS:
            region = simulation.volumes.region(positions)
        acquisition = acquire(positions, rng)
        truth: Row = {
            "participant_id": f"sub-{person.label}",
            "session_id": f"ses-{tables.session_label(days)}",
            "years": round(years, 4),
            **simulation.volumes.ml(positions, region),
            "smallest_jacobian": simulation.volumes.smallest_jacobian(positions),
            **acquisition.row,
        }
        yield Visit(tables.session_label(days), years, positions, acquisition, truth)
