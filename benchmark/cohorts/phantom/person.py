"""Simulated participants: group, sex, age, rates of atrophy, and times of the scans."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.random import Generator

from longibench.benchmark.cohorts.phantom.template import BRAIN_ML
from longibench.benchmark.settings.phantom import LIMIT, GroupSettings, PhantomSettings

YEAR = 365.25  # days


@dataclass(frozen=True)
class Person:
    """One participant.

    Attributes:
        number: Counted from 1.
        group: Name of the diagnostic group.
        sex: ``"F"`` or ``"M"``.
        age: At the first visit, years.
        days: Days from the first visit to each scan; the first is 0.
        size: Volume of the head relative to the template's.
        brain_loss: Relative loss of brain per year.
        ventricle_growth: Growth of the ventricles per year, relative to the template's ventricles.
        years_before: Years of the same atrophy before the first visit.
        tilts: How much the cortex's loss is shifted to the right and to the front, -1 to 1.
    """

    number: int
    group: str
    sex: str
    age: float
    days: tuple[int, ...]
    size: float
    brain_loss: float
    ventricle_growth: float
    years_before: float
    tilts: tuple[float, float]

    @property
    def label(self) -> str:
        """BIDS label without ``sub-``."""
        return f"{self.number:04d}"

    @property
    def weights(self) -> tuple[float, ...]:
        """Weights of the modes of atrophy, per year."""
        return (self.ventricle_growth, self.brain_loss, *(t * self.brain_loss for t in self.tilts))


def generator(settings: PhantomSettings, number: int, purpose: int) -> Generator:
    """A separate generator for each participant and purpose: participants are independent."""
    return np.random.default_rng([settings.seed, number, purpose])


def sample_person(settings: PhantomSettings, number: int) -> Person:
    """Sample the participant with a number, counted from 1."""
    rng = generator(settings, number, 0)
    names = list(settings.groups)
    shares = np.array([settings.groups[name].share for name in names])
    name = names[int(rng.choice(len(names), p=shares / shares.sum()))]
    group = settings.groups[name]
    man = bool(rng.random() < 0.5)
    size = settings.brain_ml[man] / BRAIN_ML * (1 + settings.brain_spread * normal(rng))
    growth, enlargement = _rates(rng, group)
    return Person(
        number=number,
        group=name,
        sex="M" if man else "F",
        age=round(float(group.age[0] + group.age[1] * normal(rng)), 1),
        days=_days(rng, settings),
        size=size,
        brain_loss=(group.brain_loss[0] + group.brain_loss[1] * normal(rng)) / 100,
        ventricle_growth=growth * enlargement,
        years_before=(enlargement - 1) / (growth * enlargement),
        tilts=(0.4 * normal(rng), 0.4 * normal(rng)),
    )


def _rates(rng: Generator, group: GroupSettings) -> tuple[float, float]:
    """Growth per year relative to the first visit's ventricles, and their relative size."""
    growth = (group.ventricle_growth[0] + group.ventricle_growth[1] * normal(rng)) / 100
    return growth, group.enlargement[0] + group.enlargement[1] * normal(rng)


def normal(rng: Generator) -> float:
    """A normal deviate within ``LIMIT`` standard deviations."""
    while abs(value := float(rng.standard_normal())) > LIMIT:
        pass
    return value


def _days(rng: Generator, settings: PhantomSettings) -> tuple[int, ...]:
    """Days of the scans: the first visit and at least one follow-up."""
    days = [0]
    for year in range(1, settings.follow_ups + 1):
        left, missed = rng.random() < settings.dropout, rng.random() < settings.missed
        near = rng.random() >= settings.irregular
        offset = rng.uniform(0, 0.2) if near else rng.uniform(0.28, 0.42)
        day = round(YEAR * (year + offset * rng.choice([-1, 1])))
        if left and len(days) > 1:
            break
        if not missed or (year == settings.follow_ups and len(days) == 1):
            days.append(day)
    assert all(earlier < later for earlier, later in pairwise(days))
    if settings.follow_up_years is not None:  # sampled anyway: nothing else changes
        return (0, *(round(YEAR * year) for year in settings.follow_up_years))
    return tuple(days)
