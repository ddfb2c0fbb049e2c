from pathlib import Path

import pytest

from longibench.benchmark.settings.loading import load_settings
from longibench.benchmark.training.recipe import Recipe
from longibench.benchmark.training.throughput import (
    costs_of_run,
    measure_peak,
    model_flops,
    training_costs,
)


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return Recipe.of("ours", load_settings("demo", ["grid.shape=[16,20,16]"]))


def test_a_plausible_peak_is_measured_once() -> None:
    peak = measure_peak("cpu", "32-true")
    assert 1e9 < peak < 1e14
    assert measure_peak("cpu", "32-true") == peak


def test_operations_grow_with_the_pairs(recipe: Recipe) -> None:
    one, four = model_flops(recipe, 1), model_flops(recipe, 4)
    assert one is not None
    assert four == 4 * one


def test_the_share_is_relative_to_the_peak(recipe: Recipe) -> None:
    costs = training_costs(recipe, 4, 0.5, "cpu", "32-true")
    assert costs["tflops"] == pytest.approx(costs["step_tflop"] / 0.5, rel=1e-3)
    assert costs["peak_share"] == pytest.approx(costs["tflops"] / costs["peak_tflops"], rel=1e-2)


def test_a_method_that_cannot_be_traced_has_no_share(tiny: Path) -> None:
    recipe = Recipe("tiny", {}, (3, 3, 3), (tiny,))  # its forward pass fails on such a grid
    costs = training_costs(recipe, 1, 0.0, "cpu", "32-true")
    assert costs["peak_share"] is None
    assert costs["peak_tflops"] > 0


def test_a_run_repeats_the_costs_of_the_training(recipe: Recipe) -> None:
    trained = {**training_costs(recipe, 4, 0.5, "cpu", "32-true"), "peak_memory_gb": 1.5}
    kept = costs_of_run({**trained, "iterations": 3})
    assert kept.pop("train_peak_memory_gb") == 1.5
    assert kept == {key: value for key, value in trained.items() if key != "peak_memory_gb"}
    assert costs_of_run({"iterations": 0}) == {}
