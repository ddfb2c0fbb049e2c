"""The template and what takes images of it, loaded once."""

from collections.abc import Iterator

import pytest
import torch
from anatomy_training.anatomies import World
from anatomy_training.images import Camera


@pytest.fixture(scope="session")
def world() -> World:
    return World.load()


@pytest.fixture(scope="session")
def camera(world: World) -> Camera:
    return Camera(world)


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)
