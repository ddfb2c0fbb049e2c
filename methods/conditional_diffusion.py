"""The base class of both diffusion methods: train on noisy targets, sample given a condition."""

from abc import abstractmethod
from typing import Any, Generic, Self, TypeVar

import torch
from pydantic import Field
from torch import Tensor, nn

from longibench.methods import samplers
from longibench.methods.blocks import fold, unfold
from longibench.methods.diffusion import DiffusionSettings, GaussianDiffusion
from longibench.methods.limits import MOST_PATCH
from longibench.methods.method import Method, MethodSettings, NoiseLevels
from longibench.methods.noise import SeededNoise
from longibench.methods.unet import AttentionUNet, UNetSettings


class ConditionalDiffusionSettings(MethodSettings):
    """Settings of a conditional diffusion method.

    Attributes:
        diffusion: Schedule, prediction target, loss and sampler.
        unet: Size of the denoising network.
        patch: Sides of the voxel cubes folded into channels; 1 is the plain network.
    """

    diffusion: DiffusionSettings = DiffusionSettings()
    unet: UNetSettings = UNetSettings()
    patch: int = Field(1, ge=1, le=MOST_PATCH)

    def of_training(self) -> dict[str, Any]:
        """All but the sampler."""
        return self.model_dump(mode="json", exclude={"diffusion": {"sampler"}})

    def sampler_settings(self) -> samplers.SamplerSettings:
        """Sampler and steps."""
        return self.diffusion.sampler

    def with_sampler(self, sampler: samplers.SamplerSettings) -> Self:
        """With another sampler; a ValueError for more steps than the schedule has."""
        values = {**self.diffusion.model_dump(), "sampler": sampler.model_dump()}
        return self.model_copy(update={"diffusion": DiffusionSettings.model_validate(values)})


S = TypeVar("S", bound=ConditionalDiffusionSettings)


class ConditionalDiffusion(Method, Generic[S]):
    """Trains a network to undo noise on the target, given source and interval.

    A subclass defines how the condition is computed (once per volume) and how the network uses it.
    """

    stochastic = True
    settings: S
    unet: AttentionUNet

    def __init__(self, settings: S, shape: tuple[int, int, int]) -> None:
        super().__init__(settings, shape)
        self.diffusion = GaussianDiffusion(settings.diffusion)
        self.evaluations = settings.diffusion.sampler.steps
        self.multiple = settings.patch * settings.unet.multiple
        self.checkpoint_levels = len(settings.unet.channels)

    @abstractmethod
    def condition(self, source: Tensor, interval_years: Tensor) -> Tensor:
        """Compute what does not change over the steps, from a folded source and (B,) years."""

    @abstractmethod
    def denoise(self, x_t: Tensor, t: Tensor, condition: Tensor) -> Tensor:
        """Return the network output for folded x_t at times t (B,), counted from zero."""

    def training_loss(self, source: Tensor, target: Tensor, interval_years: Tensor) -> Tensor:
        """Eq. (10), with the prediction target and the norm of the settings."""
        patch = self.settings.patch
        x0 = fold(target, patch)
        epsilon = self.noise.like(x0)
        t = self.noise.integers(1, self.diffusion.steps + 1, like=x0)
        condition = self.condition(fold(source, patch), interval_years)
        output = self.denoise(self.diffusion.noisy(x0, epsilon, t), t - 1, condition)
        return self.diffusion.loss(output, x0, epsilon, t)

    def generate(self, source: Tensor, interval_years: Tensor, seeds: Tensor) -> Tensor:
        """Sample follow-ups by the settings' sampler."""
        folded = fold(source, self.settings.patch)
        condition = self.condition(folded, interval_years)
        sampled = self.diffusion.sample(
            lambda x, t: self.denoise(x, t - 1, condition), like=folded, seeds=seeds
        )
        return unfold(sampled, self.settings.patch)

    def noise_levels(self) -> NoiseLevels:
        """Those of the schedule."""
        schedule = self.diffusion.schedule
        levels = zip(schedule.noise[1:], schedule.signal[1:], strict=True)
        ratios = tuple(noise / signal for noise, signal in levels)
        return NoiseLevels(ratios, self.settings.diffusion.prediction != "x0")

    def denoised(
        self, source: Tensor, target: Tensor, interval_years: Tensor, level: int, seeds: Tensor
    ) -> Tensor:
        """One network evaluation on the noised follow-up; at the last level on noise alone."""
        patch = self.settings.patch
        x0 = fold(target, patch)
        t = torch.full((len(x0),), level, device=x0.device)
        x_t = epsilon = SeededNoise(seeds).like(x0)
        if level < self.diffusion.steps:
            x_t = self.diffusion.noisy(x0, epsilon, t)
        output = self.denoise(x_t, t - 1, self.condition(fold(source, patch), interval_years))
        return unfold(self.diffusion.clean(output, x_t, level), patch)

    def networks(self) -> tuple[nn.Module, ...]:
        """The U-Net."""
        return (self.unet,)

    def checkpoint_activations(self, levels: int) -> None:
        """Checkpoint levels of the U-Net, finest first, in encoder and decoder."""
        self.unet.checkpoint_levels = levels

    def describe(self) -> str:
        """Prediction target, sampler and steps."""
        return self.settings.diffusion.describe()


SAMPLING = (
    samplers,
    GaussianDiffusion.clean,
    GaussianDiffusion.estimate,
    GaussianDiffusion.sample,
    ConditionalDiffusion.generate,
    ConditionalDiffusion.noise_levels,
    ConditionalDiffusion.denoised,
    ConditionalDiffusion.describe,
)
"""Code that affects only generation, for ``generation_only`` of a method that trains without it."""
