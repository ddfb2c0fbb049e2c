from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pandas as pd
import pytest
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from longibench.benchmark.core.errors import UserError
from longibench.benchmark.settings.schema import ValidationSettings
from longibench.benchmark.training.validation import (
    Validation,
    choose_pairs,
    evaluating,
    require_pairs,
)
from longibench.benchmark.training.validation_figure import COLUMNS, Sample, draw
from longibench.methods.method import REGISTRY, Method, MethodSettings, OptimizerStep

SETTINGS = ValidationSettings(every=5, pairs=3, pictures=2)
SHAPE = (16, 20, 16)
State = dict[str, Tensor]


@pytest.fixture
def method() -> Iterator[Method]:
    """Uses every kind of randomness and counts its losses, which validation must not change."""

    class Validated(Method, name="validated"):
        multiple = 8

        def __init__(self, settings: MethodSettings, shape: tuple[int, int, int]) -> None:
            super().__init__(settings, shape)
            self.layer = nn.Conv3d(1, 1, 1)
            self.again = self.layer  # one weight under two names
            self.rest = nn.Sequential(nn.BatchNorm3d(1), nn.Dropout(0.5))
            self.register_buffer("seen", torch.zeros(()))

        def training_loss(self, source: Tensor, target: Tensor, interval_years: Tensor) -> Tensor:
            self.seen += 1
            noisy = source + self.noise.like(source) + torch.randn_like(source)
            return (self.rest(self.layer(noisy)) - target).square().mean()

        def other_loss(self, source: Tensor, target: Tensor, interval_years: Tensor) -> Tensor:
            return (source - target).abs().mean()

        def generate(self, source: Tensor, interval_years: Tensor, seeds: Tensor) -> Tensor:
            torch.randn(3)
            return self.layer(source)

    torch.manual_seed(0)
    yield Validated(MethodSettings(), SHAPE)
    del REGISTRY["validated"]


@pytest.fixture
def validation(method: Method, pairs: pd.DataFrame) -> Validation:
    fabric = Fabric(accelerator="cpu", devices=1)
    return Validation(fabric, method, {}, choose_pairs(pairs, SETTINGS), SETTINGS, seed=0)


def state(method: Method) -> State:
    return {name: value.clone() for name, value in method.state_dict().items()}


def same(one: State, other: State) -> bool:
    return all(torch.equal(value, other[name]) for name, value in one.items())


def steps_of(method: Any) -> list[OptimizerStep]:
    weights = tuple(method.parameters())
    first = OptimizerStep("training_loss", method.training_loss, weights)
    return [first, OptimizerStep("other_loss", method.other_loss, weights)]


def test_validation_changes_nothing(validation: Validation, method: Any, tmp_path: Path) -> None:
    validation.average = {name: value + 1 for name, value in state(method).items()}
    method.train()
    method.rest[0].eval()  # frozen by its author
    before, average, noise = state(method), dict(validation.average), method.noise
    average = {name: value.clone() for name, value in average.items()}
    torch.manual_seed(7)
    expected = torch.randn(4)
    torch.manual_seed(7)
    validation.losses(steps_of(method))
    validation.draw(tmp_path, 5)
    assert torch.equal(torch.randn(4), expected)
    assert same(before, state(method))
    assert same(average, validation.average)
    assert method.noise is noise
    assert (method.training, method.rest[0].training, method.rest[1].training) == (1, 0, 1)
    assert all(weight.grad is None and weight.requires_grad for weight in method.parameters())


def test_weights_are_restored_after_an_error(method: Any) -> None:
    before, average = state(method), {"layer.bias": torch.tensor([5.0])}

    def fail() -> None:
        with evaluating(method, average):
            assert torch.equal(method.layer.bias, torch.tensor([5.0]))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert same(before, state(method))
    assert float(average["layer.bias"]) == 5


def test_every_validation_has_the_same_noise(validation: Validation, method: Any) -> None:
    first = validation.losses(steps_of(method))
    torch.manual_seed(99)
    assert validation.losses(steps_of(method)) == first
    assert list(first) == ["training_loss", "other_loss"]


def test_the_loss_is_the_mean_over_the_pairs_for_any_batch_size(
    validation: Validation, method: Any, pairs: pd.DataFrame
) -> None:
    chosen = choose_pairs(pairs, SETTINGS)
    from longibench.benchmark.training.pair_loader import PairDataset

    sources, targets, _ = PairDataset(chosen, method.multiple).batch(range(3))
    expected = float((sources - targets).abs().mean())
    for batch_size in (1, 2, 3):
        found = replace(validation, batch_size=batch_size).losses(steps_of(method))["other_loss"]
        assert found == pytest.approx(expected, rel=1e-6)


def test_the_average_is_validated(validation: Validation, method: Any) -> None:
    own = validation.losses(steps_of(method))["training_loss"]
    validation.average = {name: value * 3 for name, value in state(method).items()}
    averaged = validation.losses(steps_of(method))["training_loss"]
    assert averaged != own
    method.load_state_dict(validation.average)
    validation.average = {}
    assert validation.losses(steps_of(method))["training_loss"] == averaged


def test_float64_weights_get_float64_pairs(validation: Validation, method: Any) -> None:
    validation.fabric = Fabric(accelerator="cpu", devices=1, precision="64-true")
    method.double()
    assert np.isfinite(validation.losses(steps_of(method))["training_loss"])


def test_the_pairs_do_not_depend_on_their_order(pairs: pd.DataFrame) -> None:
    keys = ["subject", "visit", "source"]
    one, other = choose_pairs(pairs, SETTINGS), choose_pairs(pairs.iloc[::-1], SETTINGS)
    assert len(one) == 3
    pd.testing.assert_frame_equal(one[keys], other[keys])


def test_validation_without_pairs_is_refused(pairs: pd.DataFrame) -> None:
    require_pairs(None, ValidationSettings())
    require_pairs(pairs, SETTINGS)
    for none in (None, pairs.iloc[:0]):
        with pytest.raises(UserError, match=r"every=5.*set split.validation=0.1"):
            require_pairs(none, SETTINGS)


@pytest.mark.parametrize(("step", "due"), [(4, False), (5, True), (10, True)])
def test_when_validation_is_due(validation: Validation, step: int, due: bool) -> None:
    assert validation.is_due(step) is due
    assert not replace(validation, settings=ValidationSettings()).is_due(step)


def test_a_figure_shows_each_pair_with_its_interval(
    validation: Validation, tmp_path: Path, pairs: pd.DataFrame
) -> None:
    validation.draw(tmp_path, 1000)
    (path,) = tmp_path.rglob("*.png")
    assert path.relative_to(tmp_path) == Path("samples/step-00001000.png")
    assert matplotlib.image.imread(path).std() > 0.05
    before = path.read_bytes()
    validation.draw(tmp_path, 1000)
    assert path.read_bytes() == before


def test_the_grey_range_is_the_same_in_every_figure(rising: Callable[[float], Sample]) -> None:
    figure = draw([rising(0.5), rising(0.1)], "ours, iteration 10")
    axes = figure.axes[:-1]  # the last is the scale of the changes
    assert [panel.get_title() for panel in axes[:5]] == list(COLUMNS)
    assert axes[5].get_ylabel() == "1.5 years"
    limits = {panel.images[0].get_clim() for panel in axes}
    assert limits == {(-1, 1), (-0.5, 0.5)}
    shown = axes[5].images[0].get_array()
    assert shown.shape == (20, 16)  # anterior is up
    assert float(shown[0, 0]) > float(shown[-1, 0])


@pytest.fixture
def rising() -> Callable[[float], Sample]:
    def make(scale: float) -> Sample:
        volume = np.broadcast_to(np.linspace(-1, 1, 20)[None, :, None], SHAPE).astype(np.float32)
        return Sample(scale * volume, volume, volume, 1.5)

    return make
