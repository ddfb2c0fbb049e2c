"""The two templates of the phantom, built once for all tests: they do not depend on settings."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import torch

from longibench.benchmark.cohorts.phantom import clean, people, simulation
from longibench.benchmark.cohorts.phantom.ageing import TissueModes, age, tissue_modes
from longibench.benchmark.cohorts.phantom.progression import Modes, atrophy_modes
from longibench.benchmark.cohorts.phantom.template import Template, load_template


@dataclass(frozen=True)
class Built:
    """MNI152 with the first version's modes, and the elderly template with the second's."""

    mni: Template
    clean_modes: Modes
    elderly: Template
    modes: TissueModes


@pytest.fixture(scope="session")
def built() -> Built:
    mni = load_template()
    elderly = age(mni)
    return Built(mni, atrophy_modes(mni), elderly, tissue_modes(elderly))


@pytest.fixture(scope="module")
def templates(built: Built) -> Iterator[None]:
    """Simulations in a module use what is built already."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simulation, "load_template", lambda: built.mni)
        patch.setattr(clean, "atrophy_modes", lambda _: built.clean_modes)
        patch.setattr(people, "age", lambda _: built.elderly)
        patch.setattr(people, "tissue_modes", lambda _: built.modes)
        yield


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)
