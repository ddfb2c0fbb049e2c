"""Training anatomies: the phantom's participants, with more variation than any of its cohorts."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from longibench.benchmark.cohorts.phantom.anatomy import FIELD, Body, sample_anatomy
from longibench.benchmark.cohorts.phantom.person import sample_person
from longibench.benchmark.cohorts.phantom.progression import Modes, atrophy_modes
from longibench.benchmark.cohorts.phantom.template import Template, load_template
from longibench.benchmark.settings.phantom import GroupSettings, PhantomSettings

SEED = 7_310_551  # used by no cohort
VENTRICLES = (0.8, 3.8)  # relative to the template's
LOSS = (0.0, 0.14)  # of the brain

# Wider than any cohort: participants of all sizes and shapes.
VARIED = PhantomSettings(
    seed=SEED,
    brain_spread=0.12,
    shape_mm=(4.2, 1.7),
    groups={
        "anybody": GroupSettings(
            share=1,
            age=(70, 10),
            brain_loss=(1, 0),
            ventricle_growth=(10, 0),
            enlargement=(2, 0),
        )
    },
)


@dataclass(frozen=True)
class World:
    """What all anatomies share."""

    template: Template
    modes: Modes

    @classmethod
    def load(cls) -> "World":
        """The template and its modes of change."""
        template = load_template()
        return cls(template, atrophy_modes(template))


def sample_map(world: World, number: int, settings: PhantomSettings = VARIED) -> Tensor:
    """Sample one anatomy per number.

    Ventricles and the loss of brain are sampled uniformly and independently, so that one does not
    predict the other.

    Returns:
        Displacement (3, X, Y, Z) on ``FIELD`` from the head to the template, mm.
    """
    rng = np.random.default_rng([settings.seed, number])
    person = sample_person(settings, number)
    years = 1.0
    ventricles, loss = float(rng.uniform(*VENTRICLES)), float(rng.uniform(*LOSS))
    person = replace(
        person,
        ventricle_growth=ventricles - 1,
        brain_loss=loss,
        tilts=(float(rng.uniform(-1, 1)), float(rng.uniform(-1, 1))),
    )
    anatomy = sample_anatomy(settings, person, world.modes)
    positions = Body(person, anatomy, world.modes).at(years)
    return positions - FIELD.volume(FIELD.points())


def sample_maps(world: World, count: int, settings: PhantomSettings = VARIED) -> Tensor:
    """Sample many anatomies, (count, 3, X, Y, Z)."""
    return torch.stack([sample_map(world, number, settings) for number in range(1, count + 1)])
