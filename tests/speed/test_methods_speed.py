"""Speed of the demo's methods; run with ``pytest tests/speed --benchmark-only``."""

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor

from longibench.benchmark.settings.loading import load_settings
from longibench.benchmark.settings.plugins import load_methods
from longibench.benchmark.training.recipe import Recipe
from longibench.methods.method import Method

BATCH = 4
NAMES = sorted(load_methods())
LEARNING = [name for name in NAMES if load_methods()[name].learns]


def batch(method: Method) -> tuple[Tensor, Tensor, Tensor]:
    """Sources, targets, intervals; the demo's grid needs no padding."""
    generator = torch.Generator().manual_seed(0)
    source, target = torch.rand(2, BATCH, 1, *method.shape, generator=generator) * 2 - 1
    return source, target, torch.ones(BATCH)


def build(name: str) -> Method:
    torch.manual_seed(0)
    return Recipe.of(name, load_settings("demo")).build()


@pytest.mark.benchmark(group="training step, batch of 4")
@pytest.mark.parametrize("name", LEARNING)
def test_training_step(benchmark: BenchmarkFixture, name: str) -> None:
    method = build(name)
    inputs = batch(method)
    steps = [step for stage in method.stages() for step in stage.optimizer_steps]
    optimizers = [method.optimizer(step.parameters, 1e-3) for step in steps]

    def train() -> None:
        for step, optimizer in zip(steps, optimizers, strict=True):
            method.zero_grad()
            step.loss(*inputs).backward()
            optimizer.step()

    benchmark.pedantic(train, rounds=3, warmup_rounds=1)


@pytest.mark.benchmark(group="sample, batch of 4")
@pytest.mark.parametrize("name", NAMES)
def test_sample(benchmark: BenchmarkFixture, name: str) -> None:
    method = build(name).eval()
    source, _, years = batch(method)

    @torch.inference_mode()
    def sample() -> Tensor:
        return method.generate(source, years, torch.arange(BATCH))

    generated = benchmark.pedantic(sample, rounds=3, warmup_rounds=1)
    assert generated.shape == source.shape
