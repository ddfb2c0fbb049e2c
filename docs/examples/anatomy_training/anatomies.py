"""Training anatomies: people of the second phantom, with more variation than in its cohorts."""

from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from longibench.benchmark.cohorts.phantom.anatomy import displacement
from longibench.benchmark.cohorts.phantom.people import PhantomPerson, Population
from longibench.benchmark.cohorts.phantom.template import Template, load_template
from longibench.benchmark.settings.phantom import GroupSettings, PhantomSettings

SEED = 8_264_017  # used by no cohort
SIZE = (0.87, 0.11)  # of the head relative to the template's: mean, standard deviation
VENTRICLES_ML = (7.0, 105.0)  # in a head of mean size; the logarithm is uniform
HIPPOCAMPUS_ML = (4.0, 10.0)
SHRUNK = (-0.05, 0.13)  # how much of the elderly template's brain is lost
YEARS = (0.0, 5.0)
YOUNG = 0.2  # share of heads that are deformed from MNI152 itself

# Wider than any cohort: participants of all sizes and shapes.
VARIED = PhantomSettings(
    seed=SEED,
    shape_mm=(4.2, 1.7),
    groups={
        "anybody": GroupSettings(
            share=1,
            age=(70, 10),
            ventricle_ml=(40, 24),
            hippocampus_ml=(7, 1.5),
            brain_ml=1030,
            ventricle_growth=(4, 3),
            brain_loss=(1.5, 1),
            hippocampus_loss=(3, 2),
        )
    },
)


@dataclass(frozen=True)
class World:
    """What all anatomies share.

    Attributes:
        population: Of ``VARIED``; its template is elderly.
        young: MNI152.
    """

    population: Population
    young: Template

    @classmethod
    def load(cls) -> "World":
        """The template, elderly and as it is."""
        young = load_template()
        return cls(Population(VARIED, young), young)

    @property
    def elderly(self) -> Template:
        """The template of the second phantom."""
        return self.population.template


def sample_person(world: World, number: int, rng: np.random.Generator) -> PhantomPerson:
    """Sample a person: sizes are independent of each other, so that none predicts another."""
    size = SIZE[0] * float(np.exp(SIZE[1] * np.clip(rng.standard_normal(), -2.5, 2.5)))
    of_template = world.population.modes.volumes_ml
    ventricles = float(np.exp(rng.uniform(*np.log(VENTRICLES_ML))))
    return replace(
        world.population.person(number),
        size=size,
        brain_ml=size * (of_template["grey"] + of_template["white"]) * (1 - rng.uniform(*SHRUNK)),
        ventricle_ml=size / SIZE[0] * ventricles,
        hippocampus_ml=size / SIZE[0] * float(rng.uniform(*HIPPOCAMPUS_ML)),
        tilts=(float(rng.uniform(-1, 1)), float(rng.uniform(-1, 1))),
    )


def sample_map(world: World, number: int) -> Tensor:
    """Sample one anatomy per number, after some years of change.

    Returns:
        Displacement (3, X, Y, Z) on ``FIELD`` from the head to the elderly template, mm.
    """
    rng = np.random.default_rng([SEED, number])
    person = sample_person(world, number, rng)
    body = world.population.body(person, world.population.anatomy(person))
    return displacement(body.at(float(rng.uniform(*YEARS))))
