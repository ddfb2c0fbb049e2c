"""What makes another row of a reference, and what does not."""

import pytest

from longibench.benchmark.runs.cell import _what_determines
from longibench.benchmark.settings.loading import load_settings
from longibench.benchmark.training.recipe import Recipe

OTHERS = [
    "training.batch_size=8",
    "training.micro_batch=2",
    "training.iterations=7",
    "device.precision=64-true",
]


@pytest.mark.parametrize("name", ["copy-source", "copy-smoothed"])
def test_a_run_s_batch_and_precision_make_no_other_copy(name: str) -> None:
    made = [
        _what_determines(Recipe.of(name, settings), settings)
        for settings in (load_settings("demo"), load_settings("demo", OTHERS))
    ]
    assert made[0] == made[1]


def test_a_shared_micro_batch_is_not_one_of_the_blurred_copy() -> None:
    """It need not divide its batch."""
    settings = load_settings("demo", ["training.batch_size=3", "training.micro_batch=3"])
    training = Recipe.of("copy-smoothed", settings).training(settings)
    assert (training.batch_size, training.micro_batch) == (4, 0)


def test_precision_makes_another_row_of_a_network() -> None:
    made = [
        _what_determines(Recipe.of("vae", settings), settings)
        for settings in (load_settings("demo"), load_settings("demo", OTHERS[3:]))
    ]
    assert made[0] != made[1]
