"""A training of a few steps: the same weights again, and after a stop."""

import math
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch
from anatomy_training import images, training
from anatomy_training.anatomies import World, sample_map
from anatomy_training.images import Camera
from anatomy_training.training import LOG, Recipe, soft_dice, train, volume_error
from safetensors.torch import load_file

from longibench.benchmark.core.console import Console
from longibench.metrics.anatomy import with_weights
from longibench.metrics.anatomy_network import TISSUES

FEW = Recipe(iterations=4, batch=2, checkpoint_every=2, standard=2)
SMALL = (16, 16, 16)  # the middle of the head


@pytest.fixture(scope="module")
def anatomy(world: World) -> torch.Tensor:
    return sample_map(world, 1)


@pytest.fixture(autouse=True)
def _small(
    monkeypatch: pytest.MonkeyPatch, world: World, camera: Camera, anatomy: torch.Tensor
) -> None:
    """One anatomy in every image: sampling others takes most of the time."""
    monkeypatch.setattr(training, "sample_map", lambda world, number: anatomy)
    monkeypatch.setattr(training.World, "load", classmethod(lambda cls: world))
    monkeypatch.setattr(training, "Camera", lambda template: camera)
    for module in (images, training):
        monkeypatch.setattr(module, "SHAPE", SMALL)


def test_the_same_weights_straight_through_and_after_a_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = train(tmp_path / "whole", FEW, Console())
    whole = load_file(path)
    assert with_weights(2, path.read_bytes()).mean.abs().max() > 0  # of standardised features
    rows = pd.read_csv(tmp_path / "whole" / LOG)
    assert rows["iteration"].tolist() == [4]
    assert rows.notna().all(axis=None)

    with monkeypatch.context() as patch:
        stop_after(patch, 3)
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path / "stopped", FEW, Console())
    assert not (tmp_path / "stopped" / training.WEIGHTS).exists()
    resumed = load_file(train(tmp_path / "stopped", FEW, Console()))
    assert set(whole) == set(resumed)
    assert all(whole[name].equal(resumed[name]) for name in whole)


def stop_after(monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    step, done = training._optimizer_step, []

    def once_more(*arguments: object) -> dict[str, float]:
        if len(done) == steps:
            raise KeyboardInterrupt
        done.append(1)
        return step(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(training, "_optimizer_step", once_more)


def test_the_rate_warms_up_and_falls_to_nothing() -> None:
    recipe = replace(FEW, iterations=100, warmup=10, learning_rate=1.0)
    rates = [recipe.rate(step) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[9] == pytest.approx(1.0)
    assert rates[55] == pytest.approx(0.5, abs=0.02)
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] < 0.01


def test_the_volume_of_the_hippocampi_counts_in_the_second_half() -> None:
    recipe = replace(FEW, iterations=100)
    counted = [("hippocampus",) in recipe.volumes(step) for step in range(100)]
    assert counted == [False] * 50 + [True] * 50


def test_soft_dice_of_equal_and_of_disjoint_shares() -> None:
    shares = torch.rand(2, len(TISSUES), 6, 6, 6, generator=torch.Generator().manual_seed(0))
    shares = shares / shares.sum(dim=1, keepdim=True)
    torch.testing.assert_close(soft_dice(shares, shares), torch.ones(len(TISSUES)))
    first = torch.zeros(1, 5, 2, 2, 2)
    first[:, 1] = 1
    other = torch.zeros(1, 5, 2, 2, 2)
    other[:, 2] = 1
    assert soft_dice(first, other)[1].item() == pytest.approx(1 / 9)
    assert math.isclose(soft_dice(first, other)[0].item(), 1.0)


def test_the_error_of_volumes_is_that_of_their_logarithms() -> None:
    shares = torch.rand(1, len(TISSUES), 8, 8, 8, generator=torch.Generator().manual_seed(0))
    volumes = training.LATE_VOLUMES
    assert volume_error(shares, shares, volumes).item() == 0
    larger = volume_error(1000 * shares, 500 * shares, volumes).item()
    weights = sum(volumes.values())
    assert larger == pytest.approx(weights * math.log(2) ** 2, rel=0.01)
