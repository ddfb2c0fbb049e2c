"""The base of the diffusion methods: times from zero, the condition once, folded voxels."""

import pytest
import torch
from torch import Tensor

from longibench.methods.blocks import fold
from longibench.methods.conditional_diffusion import (
    ConditionalDiffusion,
    ConditionalDiffusionSettings,
)
from longibench.methods.noise import SeededNoise
from longibench.methods.samplers import SamplerSettings

SHAPE = (4, 6, 4)
STEPS = 1000


class Recorder(ConditionalDiffusion[ConditionalDiffusionSettings]):
    """A network that returns zeros and records its inputs."""

    def __init__(self, patch: int = 1, kind: str = "ddim", steps: int = STEPS) -> None:
        sampler = SamplerSettings.model_validate({"kind": kind, "steps": steps})
        default = ConditionalDiffusionSettings()
        diffusion = default.diffusion.model_copy(update={"sampler": sampler})
        settings = default.model_copy(update={"diffusion": diffusion, "patch": patch})
        super().__init__(settings, SHAPE)
        self.times: list[int] = []
        self.conditions = 0
        self.inputs: list[Tensor] = []

    def condition(self, source: Tensor, interval_years: Tensor) -> Tensor:
        self.conditions += 1
        return source

    def denoise(self, x_t: Tensor, t: Tensor, condition: Tensor) -> Tensor:
        assert condition.shape == x_t.shape
        self.times += t.tolist()
        self.inputs.append(x_t)
        return torch.zeros_like(x_t)


def test_sampling_counts_times_from_zero_and_conditions_once() -> None:
    method = Recorder()
    sampled = method.generate(torch.zeros(1, 1, *SHAPE), torch.ones(1), torch.tensor([3]))
    assert method.times == list(range(STEPS))[::-1]
    assert method.conditions == 1
    assert sampled.shape == (1, 1, *SHAPE)


@pytest.mark.parametrize("kind", ["ddpm", "ddim", "dpm-solver++"])
@pytest.mark.parametrize("steps", [1, 5, STEPS])
def test_a_volume_costs_one_condition_and_as_many_networks_as_steps(kind: str, steps: int) -> None:
    method = Recorder(kind=kind, steps=steps)
    method.generate(torch.zeros(1, 1, *SHAPE), torch.ones(1), torch.tensor([3]))
    assert method.conditions == 1
    assert len(method.times) == method.evaluations == steps


def test_another_sampler_works_with_the_same_training() -> None:
    slow, fast = Recorder(kind="ddpm"), Recorder(kind="dpm-solver++", steps=5)
    assert slow.settings != fast.settings
    assert slow.settings.of_training() == fast.settings.of_training()


def test_training_covers_the_times_of_sampling() -> None:
    torch.manual_seed(0)
    method, many = Recorder(), 20 * STEPS
    volumes = torch.zeros(many, 1, 2, 2, 2)
    method.training_loss(volumes, volumes, torch.ones(many))
    assert set(method.times) == set(range(STEPS))  # a time is missed with probability exp(-20)


def test_equation_10() -> None:
    """A network that answers zero has the noise's mean square as its loss."""
    target = torch.rand(2, 1, *SHAPE)
    torch.manual_seed(7)
    loss = Recorder().training_loss(target, target, torch.ones(2))
    torch.manual_seed(7)
    torch.testing.assert_close(loss, torch.randn(target.shape).square().mean())


def test_the_network_sees_folded_voxels() -> None:
    method = Recorder(patch=2)
    source = torch.rand(1, 1, *SHAPE)
    assert method.generate(source, torch.ones(1), torch.tensor([3])).shape == source.shape
    assert method.inputs[0].shape == fold(source, 2).shape == (1, 8, 2, 3, 2)


def test_the_harness_learns_cost_and_padding() -> None:
    method = Recorder(patch=2)
    assert method.evaluations == STEPS
    assert method.multiple == 2 * 16  # patch times the five levels' strides
    assert method.describe() == "predicts epsilon, DDIM 1000 of 1000 steps"


@pytest.mark.parametrize("level", [1, 500, STEPS])
def test_an_epsilon_network_that_answers_zero_returns_its_input(level: int) -> None:
    """Unclamped, as x_t over the signal; at the last level the input has no follow-up in it."""
    method, target, seeds = Recorder(), torch.rand(1, 1, *SHAPE), torch.tensor([7])
    levels = method.noise_levels()
    assert levels.predicts_noise
    estimate = method.denoised(target, target, torch.ones(1), level, seeds)
    noise = SeededNoise(seeds).like(target)
    expected = target + levels.ratios[level - 1] * noise
    if level == STEPS:
        expected = noise / method.diffusion.schedule.signal[STEPS]
    torch.testing.assert_close(estimate, expected)
    assert method.times == [level - 1]
