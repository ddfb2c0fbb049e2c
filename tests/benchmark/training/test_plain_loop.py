"""The engine against a plain loop with MONAI's classes: the same numbers."""

import pytest
import torch
from engine_loop import Case, EngineLoop, noise_of
from plain_loop import PlainLoop
from torch import Tensor

from longibench.benchmark.devices.conv3d_cpu import fast_convolutions
from longibench.methods.conditional_diffusion import ConditionalDiffusion

SMALL = (16, 16, 16)
CASES = [
    Case("ours", "demo", SMALL),
    Case("med-ddpm", "demo", SMALL),
    Case("ours", "demo", SMALL, prediction="epsilon"),
    Case("med-ddpm", "demo", SMALL, prediction="v"),
]


@pytest.fixture(params=CASES, ids=lambda case: f"{case.method}-{case.prediction}")
def case(request: pytest.FixtureRequest) -> Case:
    chosen: Case = request.param
    return chosen


@pytest.fixture
def method(case: Case) -> ConditionalDiffusion:
    return case.build()


@pytest.fixture
def plain(method: ConditionalDiffusion) -> PlainLoop:
    return PlainLoop(method)


@pytest.fixture
def engine(method: ConditionalDiffusion, plain: PlainLoop) -> EngineLoop:
    return EngineLoop(method)  # after ``plain``, which copies the weights as they were


def gradients(module: torch.nn.Module) -> dict[str, Tensor]:
    """By name, without the wrapper's prefix."""
    named = {name.split("unet.")[-1]: p.grad for name, p in module.named_parameters()}
    return {name.removeprefix("net."): grad for name, grad in named.items() if grad is not None}


@pytest.mark.parametrize("count", [1, 3])
def test_a_training_step_is_the_same(
    case: Case, plain: PlainLoop, engine: EngineLoop, count: int
) -> None:
    volumes, seeds = case.volumes(count), torch.arange(count)
    noise, t = noise_of(engine.method, volumes[0], seeds)
    losses = []
    for row in range(count):  # one at a time, as the plain loop does
        part = slice(row, row + 1)
        loss = plain.loss(*(v[part] for v in volumes), noise[part], t[part]) / count
        loss.backward()
        losses.append(loss.detach())
    with fast_convolutions("cpu"):
        ours = engine.loss(volumes, seeds)
        ours.backward()
    torch.testing.assert_close(ours.detach(), torch.stack(losses).sum(), atol=1e-5, rtol=1e-5)
    expected, found = gradients(plain.net), gradients(engine.method)
    assert found.keys() == expected.keys()
    scale = max(float(gradient.abs().max()) for gradient in expected.values())
    for name, gradient in found.items():
        torch.testing.assert_close(gradient, expected[name], atol=1e-4 * scale, rtol=0, msg=name)


def test_optimizer_steps_are_the_same(case: Case, plain: PlainLoop, engine: EngineLoop) -> None:
    volumes = case.volumes(1)
    for step in range(3):
        seeds = torch.tensor([step])
        noise, t = noise_of(engine.method, volumes[0], seeds)
        expected = plain.step(*volumes, noise, t)
        assert float(engine.step(volumes, seeds)) == pytest.approx(expected, rel=1e-3)


def test_generated_volumes_are_the_same(case: Case, plain: PlainLoop, engine: EngineLoop) -> None:
    source, _, years = case.volumes(3)
    seeds = [5, 7, 11]
    found = engine.generate(source, years, torch.tensor(seeds))
    for row, seed in enumerate(seeds):
        expected = plain.generate(source[row : row + 1], years[row : row + 1], seed)[0]
        assert expected.abs().max() > 0.1
        torch.testing.assert_close(found[row], expected, atol=1e-4, rtol=0)
