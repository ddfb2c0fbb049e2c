import pytest
import torch
from torch import nn

from longibench.benchmark.settings.schema import EMASettings
from longibench.benchmark.training.ema import WeightAverage


def averaged(settings: EMASettings, steps: int) -> float:
    """The average of a weight that starts at 0 and then counts the steps."""
    module = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(module.weight)
    average = WeightAverage(module, settings)
    for step in range(1, steps + 1):
        nn.init.constant_(module.weight, step)
        average.update(step)
    return float(average.weights["weight"])


def test_it_is_the_weighted_sum_over_all_steps() -> None:
    expected = sum(0.5 ** (4 - step) * 0.5 * step for step in range(1, 5))
    assert averaged(EMASettings(decay=0.5), 4) == pytest.approx(expected)


def test_every_and_start() -> None:
    assert averaged(EMASettings(decay=0.5, every=2), 5) == pytest.approx(0.5 * (0.5 * 2) + 0.5 * 4)
    assert averaged(EMASettings(decay=0.5, start=3), 3) == 3
    assert averaged(EMASettings(decay=0.5, start=3), 4) == 3.5


def test_without_decay_nothing_is_kept() -> None:
    assert WeightAverage(nn.Linear(1, 1), EMASettings()).weights == {}


def test_counters_are_copied_and_saved_averages_continue() -> None:
    module = nn.BatchNorm1d(1)
    module(torch.randn(4, 1))
    average = WeightAverage(module, EMASettings(decay=0.9))
    module(torch.randn(4, 1))
    average.update(1)
    assert average.weights["num_batches_tracked"] == 2
    again = WeightAverage(nn.BatchNorm1d(1), EMASettings(decay=0.9))
    again.load(average.weights)
    assert all(torch.equal(again.weights[k], v) for k, v in average.weights.items())
