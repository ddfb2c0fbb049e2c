"""The planner on the demo's network, for devices of invented sizes."""

from dataclasses import replace
from typing import Any

import pytest

from longibench.benchmark.core.errors import UserError
from longibench.benchmark.settings.loading import load_settings
from longibench.benchmark.settings.schema import DeviceSettings, TrainingSettings
from longibench.benchmark.training.footprint import footprint
from longibench.benchmark.training.memory_plan import MemoryPlan, available_gb, plan_memory
from longibench.benchmark.training.recipe import Recipe

CPU = DeviceSettings(accelerator="cpu")


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    overrides = ["grid.shape=[64,80,64]", "methods.med-ddpm.patch=1"]
    return Recipe.of("med-ddpm", load_settings("demo", overrides))


def needed(recipe: Recipe, micro_batch: int, levels: int = 0) -> float:
    found = footprint(recipe, micro_batch, levels)
    assert found is not None
    return found.total_gb


def plan(recipe: Recipe, memory: float, world_size: int = 1, **given: Any) -> MemoryPlan:
    training = TrainingSettings(iterations=1, batch_size=4, **given)
    return plan_memory(recipe, training, CPU, memory, world_size)


def test_all_pairs_are_one_micro_batch_if_they_fit(recipe: Recipe) -> None:
    found = plan(recipe, 1000)
    assert (found.micro_batch, found.micro_batches, found.checkpoint_levels) == (4, 1, 0)


@pytest.mark.parametrize("micro_batch", [4, 2, 1])
def test_the_largest_micro_batch_that_fits_is_chosen(recipe: Recipe, micro_batch: int) -> None:
    found = plan(recipe, needed(recipe, micro_batch) + 1e-3)
    assert (found.micro_batch, found.micro_batches, found.checkpoint_levels) == (
        micro_batch,
        4 // micro_batch,
        0,
    )
    assert found.needed_gb == pytest.approx(needed(recipe, micro_batch))


def test_activations_are_checkpointed_if_the_smallest_micro_batch_does_not_fit(
    recipe: Recipe,
) -> None:
    found = plan(recipe, needed(recipe, 1) - 1e-3)
    assert found.checkpoint_levels > 0
    assert found.needed_gb is not None
    assert found.needed_gb <= found.available_gb


def test_fallbacks_lead_to_the_smallest_micro_batch(recipe: Recipe) -> None:
    found: MemoryPlan | None = plan(recipe, 1000)
    seen = []
    while found is not None:
        assert found.micro_batch * found.micro_batches == 4
        seen.append((found.checkpoint_levels, -found.micro_batch))
        found = found.smaller()
    assert seen == sorted(seen)
    assert seen[:3] == [(0, -4), (0, -2), (0, -1)]
    assert seen[-1][0] == 3


def test_the_error_names_the_memory_that_is_needed(recipe: Recipe) -> None:
    with pytest.raises(UserError, match=r"needs about \d+\.\d GB, and there are 0\.1 GB; take"):
        plan(recipe, 0.1)


def test_the_settings_are_respected(recipe: Recipe) -> None:
    assert plan(recipe, 1000, micro_batch=1).micro_batch == 1
    training = TrainingSettings(iterations=1, batch_size=4)
    found = plan_memory(
        recipe, training, CPU.model_copy(update={"activation_checkpointing": 2}), 1000
    )
    assert found.checkpoint_levels == 2


@pytest.mark.parametrize(
    ("given", "world_size", "message"),
    [
        ({}, 3, r"methods\.\S+\.training\.batch_size=4 cannot be divided over 3 devices"),
        ({"micro_batch": 3}, 1, r"methods\.\S+\.training\.micro_batch=3 does not divide the 4"),
    ],
)
def test_a_batch_that_cannot_be_divided_is_refused(
    recipe: Recipe, given: dict[str, int], world_size: int, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        plan(recipe, 1000, world_size, **given)


def test_devices_share_a_batch(recipe: Recipe) -> None:
    found = plan(recipe, 1000, world_size=2)
    assert (found.micro_batch, found.micro_batches) == (2, 1)
    assert found.describe().startswith("batch of 4: 1 micro-batch of 2 on each of 2 devices;")


def test_a_plan_is_described_in_one_line() -> None:
    found = MemoryPlan(2, 3, 2, 13.24, 23.6)
    assert found.describe() == (
        "batch of 6: 3 micro-batches of 2, activation checkpointing of levels 0 to 1; "
        "about 13.2 of 23.6 GB"
    )
    assert "checkpointing of level 0;" in replace(found, checkpoint_levels=1).describe()


def test_memory_is_the_setting_else_the_free_memory() -> None:
    assert available_gb(CPU.model_copy(update={"memory_gb": 12.5})) == 12.5
    assert 0.1 < available_gb(CPU) < 1e5
