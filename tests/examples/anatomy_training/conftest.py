"""The template and what takes images of it, loaded once."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from anatomy_training import people
from anatomy_training.anatomies import VARIED, World
from anatomy_training.images import Camera
from anatomy_training.people import People

from longibench.benchmark.cohorts.phantom.people import Population


@pytest.fixture(scope="session")
def world(built: Any, templates: None) -> World:
    return World(Population(VARIED, built.mni), built.mni)


@pytest.fixture(scope="session")
def camera(world: World) -> Camera:
    return Camera(world.elderly)


@pytest.fixture(scope="session")
def simulator(built: Any, templates: None) -> People:
    """On a coarse grid, which is fast, with ventricles smaller by a third."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(people, "load_template", lambda: built.mni)
        return People(grids_mm=(5.0,), shrinkage=(0.3,))


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)
