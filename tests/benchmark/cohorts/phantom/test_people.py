"""Who takes part in the second version, and how their anatomy changes."""

import numpy as np
import pandas as pd
import pytest

from longibench.benchmark.cohorts.phantom.people import PhantomPerson, Population
from longibench.benchmark.cohorts.phantom.simulation import Simulation, build_simulation
from longibench.benchmark.settings.phantom import PhantomSettings

SETTINGS = PhantomSettings()
SIZES = ("ventricle_ml", "hippocampus_ml")
RATES = ("ventricle_growth", "brain_loss", "hippocampus_loss")
YEARS = 3.0


@pytest.fixture(scope="module")
def simulation(templates: None) -> Simulation:
    return build_simulation(SETTINGS)


@pytest.fixture(scope="module")
def people(simulation: Simulation) -> dict[str, list[PhantomPerson]]:
    """Hundreds of people by group, without images."""
    population = simulation.people
    assert isinstance(population, Population)
    sampled = [population.person(number) for number in range(1, 801)]
    return {name: [its for its in sampled if its.group == name] for name in SETTINGS.groups}


@pytest.fixture(scope="module")
def change(simulation: Simulation, people: dict[str, list[PhantomPerson]]) -> pd.DataFrame:
    """Sizes and annual change of a few people of each group, and what they should be."""
    rows = []
    for person in (its for group in people.values() for its in group[:5]):
        body = simulation.people.body(person, simulation.people.anatomy(person))
        first, later = body.at(0.0), body.at(YEARS)
        region = simulation.volumes.region(first)
        before, after = (pd.Series(simulation.volumes.ml(its, region)) for its in (first, later))
        loss = 100 * (1 - after / before) / YEARS
        rows.append(
            {
                **{f"aim_{name}": getattr(person, name) for name in ("brain_ml", *SIZES, *RATES)},
                **before,
                "ventricle_growth": (after - before)["ventricle_ml"] / YEARS,
                **{f"{name}_loss": loss[f"{name}_ml"] for name in ("brain", "hippocampus")},
                **{f"{name}_loss": loss[f"{name}_ml"] for name in ("grey", "white")},
                "jacobian": min(map(simulation.volumes.smallest_jacobian, (first, later))),
            }
        )
    return pd.DataFrame(rows)


def values(group: list[PhantomPerson], name: str) -> np.ndarray:
    return np.array([getattr(person, name) for person in group])


@pytest.mark.parametrize("name", [*SIZES, *RATES])
def test_sizes_and_rates_are_sampled_as_set(
    people: dict[str, list[PhantomPerson]], name: str
) -> None:
    for label, group in people.items():
        mean, deviation = getattr(SETTINGS.groups[label], name)
        sampled = values(group, name)
        assert sampled.min() > 0
        assert sampled.mean() == pytest.approx(mean, abs=4 * deviation / np.sqrt(len(group)))
        # A little smaller: nobody is further than two standard deviations from the middle.
        assert 0.75 * deviation < sampled.std() < 1.1 * deviation


def test_brains_differ_by_group_and_sex_as_set(people: dict[str, list[PhantomPerson]]) -> None:
    for label, group in people.items():
        sexes = {sex: values([its for its in group if its.sex == sex], "brain_ml") for sex in "FM"}
        error = 4 * SETTINGS.brain_spread * 1000 * np.sqrt(4 / len(group))
        middle = (sexes["F"].mean() + sexes["M"].mean()) / 2
        assert middle == pytest.approx(SETTINGS.groups[label].brain_ml, abs=error)
        assert sexes["M"].mean() - sexes["F"].mean() == pytest.approx(SETTINGS.sex_ml, abs=error)


def test_growth_depends_on_size_and_rates_on_each_other_as_set(
    people: dict[str, list[PhantomPerson]],
) -> None:
    found = [
        np.corrcoef([values(group, name) for name in ("ventricle_ml", *RATES)])
        for group in people.values()
    ]
    mean = np.mean(found, axis=0)
    assert mean[0, 1] == pytest.approx(SETTINGS.growth_on_size, abs=0.12)
    assert mean[1:, 1:][np.triu_indices(3, 1)] == pytest.approx(SETTINGS.rates_together, abs=0.12)
    assert np.abs(mean[0, 2:]).max() < 0.15  # of size with what does not depend on it


def test_the_same_person_whatever_the_cohort(simulation: Simulation) -> None:
    known = simulation.people.person(3)
    others = Population(PhantomSettings(subjects=4, spacing_mm=8.0), simulation.people.template)
    assert others.person(3) == known
    assert others.person(4) != known


def test_the_first_visit_has_the_sizes_that_were_sampled(change: pd.DataFrame) -> None:
    for name, each, mean in (
        ("brain_ml", 0.12, 0.04),
        ("ventricle_ml", 0.35, 0.1),
        ("hippocampus_ml", 0.35, 0.1),
    ):
        relative = change[name] / change[f"aim_{name}"]
        assert (relative - 1).abs().max() < each
        assert relative.mean() == pytest.approx(1, abs=mean)


def test_volumes_change_as_was_sampled(change: pd.DataFrame) -> None:
    for name, each, mean in (("ventricle_growth", 0.45, 0.2), ("hippocampus_loss", 0.35, 0.1)):
        relative = change[name] / change[f"aim_{name}"]
        assert (relative - 1).abs().max() < each
        assert relative.mean() == pytest.approx(1, abs=mean)
    # Where next to nothing is lost, the other modes' effect on the brain counts.
    error = change["brain_loss"] - change["aim_brain_loss"]
    assert (error.abs() < 0.25 * change["aim_brain_loss"] + 0.2).all()
    assert error.mean() == pytest.approx(0, abs=0.1 * change["aim_brain_loss"].mean())


def test_white_matter_loses_half_as_much_as_grey_and_hippocampi_the_most(
    change: pd.DataFrame,
) -> None:
    means = change.mean()
    assert means["white_loss"] / means["grey_loss"] == pytest.approx(0.5, abs=0.12)
    assert means["hippocampus_loss"] > 1.5 * means["brain_loss"] > 0


def test_no_anatomy_comes_near_folding(change: pd.DataFrame) -> None:
    assert change["jacobian"].min() > 0.02
