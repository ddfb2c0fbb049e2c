"""Participants of the phantom: sizes at the first visit, and rates of change."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.special import gammainc, gammaincinv, ndtr, ndtri
from torch import Tensor

from longibench.benchmark.cohorts.phantom.ageing import TissueModes, age, amount, tissue_modes
from longibench.benchmark.cohorts.phantom.anatomy import Body, rounded, sample_anatomy
from longibench.benchmark.cohorts.phantom.person import (
    Person,
    generator,
    normal,
    sample_days,
    sample_group,
    sample_tilts,
)
from longibench.benchmark.cohorts.phantom.template import Template
from longibench.benchmark.cohorts.phantom.volumes import Volumes
from longibench.benchmark.settings.phantom import LIMIT, GroupSettings, PhantomSettings

FLUX = 0.89  # brings the ventricles' growth near its aim; docs/phantom.md shows what is left


@dataclass(frozen=True)
class PhantomPerson(Person):
    """One participant.

    Attributes:
        brain_ml: Grey and white matter at the first visit.
        ventricle_ml: Lateral ventricles at the first visit.
        hippocampus_ml: Both hippocampi at the first visit.
        ventricle_growth: Of the lateral ventricles, ml a year.
        brain_loss: Of grey and white matter, percent of the first visit's a year.
        hippocampus_loss: Percent of the first visit's a year.
    """

    brain_ml: float
    ventricle_ml: float
    hippocampus_ml: float
    ventricle_growth: float
    brain_loss: float
    hippocampus_loss: float


class Population:
    """Participants of an elderly template; the past is part of their anatomy, the future is not."""

    def __init__(self, settings: PhantomSettings, template: Template) -> None:
        """Args: the cohort, and MNI152."""
        self.settings = settings
        self.template = age(template)
        self.volumes = Volumes(self.template)
        self.modes: TissueModes = tissue_modes(self.template, self.volumes)

    def person(self, number: int) -> PhantomPerson:
        """Sample the participant with a number, counted from 1."""
        settings, rng = self.settings, generator(self.settings, number, 0)
        name = sample_group(rng, settings.groups)
        group = settings.groups[name]
        man = bool(rng.random() < 0.5)
        half = settings.sex_ml / 2
        brain = (group.brain_ml + (half if man else -half)) * (
            1 + settings.brain_spread * normal(rng)
        )
        healthy = max(one.brain_ml for one in settings.groups.values())
        of_template = self.modes.volumes_ml["grey"] + self.modes.volumes_ml["white"]
        return PhantomPerson(
            number=number,
            group=name,
            sex="M" if man else "F",
            age=round(float(group.age[0] + group.age[1] * normal(rng)), 1),
            days=sample_days(rng, settings),
            size=brain / of_template * healthy / group.brain_ml,
            tilts=sample_tilts(rng),
            brain_ml=brain,
            **sample_course(rng, group, settings),
        )

    def anatomy(self, person: PhantomPerson) -> Tensor:
        """The map to the elderly template at the first visit; see ``sample_anatomy``."""
        healthy = sample_anatomy(self.settings, person, self.modes)
        velocity = self.modes.velocity(self._past(person))
        body = Body(healthy, self.modes, velocity, start=1.0)
        return rounded(body.at(0.0))

    def body(self, person: PhantomPerson, anatomy: Tensor) -> Body:
        """The participant from the first visit on."""
        return Body(anatomy, self.modes, self.velocity(person))

    def velocity(self, person: PhantomPerson) -> Tensor:
        """The velocity field (3, X, Y, Z) of a participant's sizes and rates, mm per year."""
        return self.modes.velocity(self._rates(person))

    def future(self, person: PhantomPerson, rng: Generator) -> Tensor:
        """Another velocity field for the same first visit: other rates, given group and sizes."""
        group = self.settings.groups[person.group]
        rates = sample_course(rng, group, self.settings, person)
        other = replace(
            person,
            tilts=sample_tilts(rng),
            ventricle_growth=rates["ventricle_growth"],
            brain_loss=rates["brain_loss"],
            hippocampus_loss=rates["hippocampus_loss"],
        )
        return self.velocity(other)

    def _past(self, person: PhantomPerson) -> tuple[float, ...]:
        """Weights of the modes whose flow for one unit of time gives the first visit's volumes."""
        template = self.modes.volumes_ml
        size = person.size
        brain = person.brain_ml / (size * (template["grey"] + template["white"]))
        change = {
            "ventricles": amount(person.ventricle_ml / (size * template["ventricles"])),
            "hippocampus": amount(person.hippocampus_ml / (size * template["hippocampus"])),
            **self.modes.brain_change(amount(brain)),
        }
        return self.modes.weights(change)

    def _rates(self, person: PhantomPerson) -> tuple[float, ...]:
        """Weights of the modes, per year."""
        loss, template = person.brain_loss / 100, self.modes.volumes_ml
        # What is larger than the template's changes by the flux out of the template's; ``amount``.
        ventricles = min(person.ventricle_ml, person.size * template["ventricles"])
        larger = max(1.0, person.hippocampus_ml / (person.size * template["hippocampus"]))
        change = {
            "ventricles": FLUX * person.ventricle_growth / ventricles,
            "hippocampus": -person.hippocampus_loss / 100 * larger,
            **self.modes.brain_change(-loss),
        }
        return (*self.modes.weights(change), *(tilt * loss for tilt in person.tilts))


def sample_course(
    rng: Generator,
    group: GroupSettings,
    settings: PhantomSettings,
    given: PhantomPerson | None = None,
) -> dict[str, float]:
    """Sample sizes at the first visit and rates: gamma distributed, with the set correlations.

    Rates are above 0. Correlated normal deviates within ``LIMIT`` standard deviations become
    quantiles (a Gaussian copula).

    Args:
        rng: A generator.
        group: The participant's group.
        settings: The correlations.
        given: Only rates are sampled, given this participant's sizes.
    """
    moments = {
        "ventricle_ml": group.ventricle_ml,
        "hippocampus_ml": group.hippocampus_ml,
        "ventricle_growth": group.ventricle_growth,
        "brain_loss": group.brain_loss,
        "hippocampus_loss": group.hippocampus_loss,
    }
    independent = rng.standard_normal(len(moments))
    if given is not None:  # the sizes come first, and do not depend on each other
        independent[0] = _deviate(given.ventricle_ml, *group.ventricle_ml)
        independent[1] = _deviate(given.hippocampus_ml, *group.hippocampus_ml)
    quantiles = ndtr((_correlation_root(settings) @ independent).clip(-LIMIT, LIMIT))
    return {
        name: _gamma(quantile, *moment)
        for (name, moment), quantile in zip(moments.items(), quantiles, strict=True)
    }


def _deviate(value: float, mean: float, deviation: float) -> float:
    """The normal deviate of a value of ``_gamma``."""
    shape = (mean / deviation) ** 2
    return float(ndtri(gammainc(shape, value * shape / mean)))


def _correlation_root(settings: PhantomSettings) -> NDArray[np.float64]:
    """Matrix that gives independent deviates the correlations between sizes and rates."""
    correlation = np.eye(5)
    correlation[2:, 2:] += settings.rates_together * (1 - np.eye(3))
    correlation[0, 2] = correlation[2, 0] = settings.growth_on_size
    return np.asarray(np.linalg.cholesky(correlation), np.float64)


def _gamma(quantile: float, mean: float, deviation: float) -> float:
    """Quantile of the gamma distribution with a mean and a standard deviation."""
    shape = (mean / deviation) ** 2
    return float(gammaincinv(shape, quantile) * mean / shape)
