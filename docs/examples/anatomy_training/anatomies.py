"""Training anatomies: the first phantom's participants, with more variation than in its cohorts.

The embedded network was trained on ``phantom:clean``, and stays with it.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from longibench.benchmark.cohorts.phantom.anatomy import Body, displacement, sample_anatomy
from longibench.benchmark.cohorts.phantom.clean import sample_clean
from longibench.benchmark.cohorts.phantom.progression import Modes, atrophy_modes
from longibench.benchmark.cohorts.phantom.template import Template, load_template
from longibench.benchmark.settings.phantom_clean import CleanGroup, CleanSettings

SEED = 7_310_551  # used by no cohort
VENTRICLES = (0.8, 3.8)  # relative to the template's
LOSS = (0.0, 0.14)  # of the brain

# Wider than any cohort: participants of all sizes and shapes.
VARIED = CleanSettings(
    seed=SEED,
    brain_spread=0.12,
    shape_mm=(4.2, 1.7),
    groups={
        "anybody": CleanGroup(
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


def sample_map(world: World, number: int, settings: CleanSettings = VARIED) -> Tensor:
    """Sample one anatomy per number.

    Ventricles and the loss of brain are sampled uniformly and independently, so that one does not
    predict the other.

    Returns:
        Displacement (3, X, Y, Z) on ``FIELD`` from the head to the template, mm.
    """
    rng = np.random.default_rng([settings.seed, number])
    person = sample_clean(settings, number)
    ventricles, loss = float(rng.uniform(*VENTRICLES)), float(rng.uniform(*LOSS))
    person = replace(
        person,
        ventricle_growth=ventricles - 1,
        brain_loss=loss,
        tilts=(float(rng.uniform(-1, 1)), float(rng.uniform(-1, 1))),
    )
    anatomy = sample_anatomy(settings, person, world.modes)
    body = Body(anatomy, world.modes, world.modes.velocity(person.weights))
    return displacement(body.at(1.0))


def sample_maps(world: World, count: int, settings: CleanSettings = VARIED) -> Tensor:
    """Sample many anatomies, (count, 3, X, Y, Z)."""
    return torch.stack([sample_map(world, number, settings) for number in range(1, count + 1)])
