"""The first version of the phantom: ``phantom:clean``."""

from dataclasses import dataclass, replace

from numpy.random import Generator
from torch import Tensor

from longibench.benchmark.cohorts.phantom.anatomy import Body, sample_anatomy
from longibench.benchmark.cohorts.phantom.person import (
    Person,
    generator,
    normal,
    sample_days,
    sample_group,
    sample_tilts,
)
from longibench.benchmark.cohorts.phantom.progression import Modes, atrophy_modes
from longibench.benchmark.cohorts.phantom.template import BRAIN_ML, Template
from longibench.benchmark.cohorts.phantom.volumes import Volumes
from longibench.benchmark.settings.phantom_clean import CleanGroup, CleanSettings


@dataclass(frozen=True)
class CleanPerson(Person):
    """One participant of the first version.

    Attributes:
        brain_loss: Relative loss of brain per year.
        ventricle_growth: Growth of the ventricles per year, relative to the template's ventricles.
        years_before: Years of the same atrophy before the first visit.
    """

    brain_loss: float
    ventricle_growth: float
    years_before: float

    @property
    def weights(self) -> tuple[float, ...]:
        """Weights of the modes of atrophy, per year."""
        return (self.ventricle_growth, self.brain_loss, *(t * self.brain_loss for t in self.tilts))


class CleanPopulation:
    """Participants whose past and future are one flow: large ventricles are fast ventricles."""

    def __init__(self, settings: CleanSettings, template: Template) -> None:
        """Args: the cohort, and the template."""
        self.settings = settings
        self.template = template
        self.volumes = Volumes(template)
        self.modes: Modes = atrophy_modes(template)

    def person(self, number: int) -> CleanPerson:
        """The participant with a number, counted from 1."""
        return sample_clean(self.settings, number)

    def anatomy(self, person: CleanPerson) -> Tensor:
        """The map to the template before any atrophy; see ``sample_anatomy``."""
        return sample_anatomy(self.settings, person, self.modes)

    def body(self, person: CleanPerson, anatomy: Tensor) -> Body:
        """The participant from the first visit on."""
        return Body(anatomy, self.modes, self.velocity(person), person.years_before)

    def velocity(self, person: CleanPerson) -> Tensor:
        """The velocity field (3, X, Y, Z) of a participant's rates, mm per year."""
        return self.modes.velocity(person.weights)

    def future(self, person: CleanPerson, rng: Generator) -> Tensor:
        """Another velocity field for the same first visit: other rates, given group and size."""
        group = self.settings.groups[person.group]
        enlargement = 1 + person.ventricle_growth * person.years_before
        growth, _ = _rates(rng, group)
        other = replace(
            person,
            brain_loss=_loss(rng, group),
            ventricle_growth=growth * enlargement,
            tilts=sample_tilts(rng),
        )
        return self.velocity(other)


def sample_clean(settings: CleanSettings, number: int) -> CleanPerson:
    """Sample the participant with a number, counted from 1."""
    rng = generator(settings, number, 0)
    name = sample_group(rng, settings.groups)
    group = settings.groups[name]
    man = bool(rng.random() < 0.5)
    size = settings.brain_ml[man] / BRAIN_ML * (1 + settings.brain_spread * normal(rng))
    growth, enlargement = _rates(rng, group)
    return CleanPerson(
        number=number,
        group=name,
        sex="M" if man else "F",
        age=round(float(group.age[0] + group.age[1] * normal(rng)), 1),
        days=sample_days(rng, settings),
        size=size,
        brain_loss=_loss(rng, group),
        ventricle_growth=growth * enlargement,
        years_before=(enlargement - 1) / (growth * enlargement),
        tilts=sample_tilts(rng),
    )


def _loss(rng: Generator, group: CleanGroup) -> float:
    return (group.brain_loss[0] + group.brain_loss[1] * normal(rng)) / 100


def _rates(rng: Generator, group: CleanGroup) -> tuple[float, float]:
    """Growth per year relative to the first visit's ventricles, and their relative size."""
    growth = (group.ventricle_growth[0] + group.ventricle_growth[1] * normal(rng)) / 100
    return growth, group.enlargement[0] + group.enlargement[1] * normal(rng)
