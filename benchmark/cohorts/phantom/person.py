"""What a participant is in both versions of the phantom: group, sex, age, size, visits."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.random import Generator

from longibench.benchmark.settings.phantom import LIMIT, StudySettings

YEAR = 365.25  # days
TILT = 0.4  # standard deviation of the tilts


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
        tilts: How much the cortex's loss is shifted to the right and to the front, -1 to 1.
    """

    number: int
    group: str
    sex: str
    age: float
    days: tuple[int, ...]
    size: float
    tilts: tuple[float, float]

    @property
    def label(self) -> str:
        """BIDS label without ``sub-``."""
        return f"{self.number:04d}"


def generator(settings: StudySettings, number: int, purpose: int) -> Generator:
    """A separate generator for each participant and purpose: participants are independent."""
    return np.random.default_rng([settings.seed, number, purpose])


def normal(rng: Generator) -> float:
    """A normal deviate within ``LIMIT`` standard deviations."""
    while abs(value := float(rng.standard_normal())) > LIMIT:
        pass
    return value


def sample_tilts(rng: Generator) -> tuple[float, float]:
    """How much the loss of cortex is shifted to the right and to the front."""
    return TILT * normal(rng), TILT * normal(rng)


def sample_group(rng: Generator, groups: dict[str, Any]) -> str:
    """The name of a group, by the groups' shares."""
    names = list(groups)
    shares = np.array([groups[name].share for name in names])
    return names[int(rng.choice(len(names), p=shares / shares.sum()))]


def sample_days(rng: Generator, settings: StudySettings) -> tuple[int, ...]:
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
