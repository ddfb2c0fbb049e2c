"""Gaussian diffusion: noise schedules, what the network predicts, and the samplers.

Equation numbers are those of Dao, Yang, Kim, "Conditional Diffusion Model for Longitudinal Medical
Image Generation" (2024), after Ho et al. 2020. Arrays over time have T + 1 entries, entry 0 being
the clean image (abar_0 = 1), so that ``abar[t]`` reads as in the paper.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor

from methods.noise import SeededNoise

Prediction = Literal["epsilon", "x0", "v"]
Denoiser = Callable[[Tensor, Tensor], Tensor]


class ScheduleSettings(BaseModel):
    """How much noise each step adds.

    Attributes:
        kind: ``linear`` in beta (Ho et al. 2020) or ``cosine`` in abar (Nichol, Dhariwal 2021).
        steps: T.
        beta_start: beta_1 of the linear schedule.
        beta_end: beta_T of the linear schedule.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["linear", "cosine"] = "linear"
    steps: int = Field(1000, ge=2)
    beta_start: float = Field(1e-4, gt=0, lt=1)
    beta_end: float = Field(0.02, gt=0, lt=1)

    def betas(self) -> Tensor:
        """beta_1 to beta_T, (T,) float64."""
        if self.kind == "linear":
            return torch.linspace(self.beta_start, self.beta_end, self.steps, dtype=torch.float64)
        times = torch.linspace(0, 1, self.steps + 1, dtype=torch.float64)
        abar = torch.cos((times + 0.008) / 1.008 * math.pi / 2) ** 2  # Nichol, Dhariwal eq. (17)
        return (1 - abar[1:] / abar[:-1]).clamp(max=0.999)


class SamplerSettings(BaseModel):
    """How a volume is drawn.

    Attributes:
        kind: ``ddpm``: ancestral, eq. (5) and (6); ``ddim``: deterministic (Song et al. 2021).
        steps: Network evaluations a volume; ``ddpm`` visits every level, so it must equal T.
        clip: Clamp the estimate of the clean image to [-1, 1] at every step, as Med-DDPM does.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["ddpm", "ddim"] = "ddpm"
    steps: int = Field(1000, ge=1)
    clip: bool = False


class DiffusionSettings(BaseModel):
    """Schedule, prediction target and sampler, checked against each other."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schedule: ScheduleSettings = ScheduleSettings()
    prediction: Prediction = "epsilon"
    loss: Literal["l1", "l2"] = "l2"
    sampler: SamplerSettings = SamplerSettings()

    @model_validator(mode="after")
    def _consistent(self) -> "DiffusionSettings":
        total, sampler = self.schedule.steps, self.sampler
        if sampler.kind == "ddpm" and sampler.steps != total:
            raise ValueError(
                f"sampler.steps={sampler.steps}: ancestral sampling (ddpm) visits every level, "
                f"so it must equal schedule.steps={total}; set sampler.kind=ddim for fewer steps"
            )
        if sampler.steps > total:
            raise ValueError(f"sampler.steps={sampler.steps} exceeds schedule.steps={total}")
        return self

    def describe(self) -> str:
        """Say in one line what a table must name."""
        names = {"ddpm": "ancestral DDPM", "ddim": "DDIM"}
        return (
            f"predicts {self.prediction}, {names[self.sampler.kind]} "
            f"{self.sampler.steps} of {self.schedule.steps} steps"
        )


@dataclass(frozen=True)
class Estimate:
    """What a network output says of the clean image and of the noise."""

    x0: Tensor
    epsilon: Tensor


class GaussianDiffusion:
    """The forward process and its reversal, for any network and any prediction target."""

    def __init__(self, settings: DiffusionSettings) -> None:
        self.settings = settings
        self.steps = settings.schedule.steps
        betas = torch.cat([torch.zeros(1, dtype=torch.float64), settings.schedule.betas()])
        self.beta = betas.float()
        self.abar = torch.cumprod(1 - betas, dim=0).float()

    def noisy(self, x0: Tensor, epsilon: Tensor, t: Tensor) -> Tensor:
        """x_t of eq. (2), for x0 (B, C, X, Y, Z) and t (B,)."""
        abar = _per_sample(self.abar, t, x0)
        return abar.sqrt() * x0 + (1 - abar).sqrt() * epsilon

    def target(self, x0: Tensor, epsilon: Tensor, t: Tensor) -> Tensor:
        """What the network should output; v is that of Salimans, Ho 2022."""
        if self.settings.prediction == "epsilon":
            return epsilon
        if self.settings.prediction == "x0":
            return x0
        abar = _per_sample(self.abar, t, x0)
        return abar.sqrt() * epsilon - (1 - abar).sqrt() * x0

    def loss(self, output: Tensor, x0: Tensor, epsilon: Tensor, t: Tensor) -> Tensor:
        """Mean L2 (eq. 10) or L1 distance to the prediction target."""
        difference = output - self.target(x0, epsilon, t)
        return difference.abs().mean() if self.settings.loss == "l1" else difference.square().mean()

    def estimate(self, output: Tensor, x_t: Tensor, t: Tensor) -> Estimate:
        """Read a network output at x_t as clean image and noise, clamped if the sampler clips."""
        abar = _per_sample(self.abar, t, x_t)
        signal, noise = abar.sqrt(), (1 - abar).sqrt()
        if self.settings.prediction == "epsilon":
            x0 = (x_t - noise * output) / signal
        elif self.settings.prediction == "x0":
            x0 = output
        else:
            x0 = signal * x_t - noise * output
        if self.settings.sampler.clip:
            x0 = x0.clamp(-1, 1)
        return Estimate(x0, (x_t - signal * x0) / noise)

    def sample(self, denoise: Denoiser, like: Tensor, seeds: Tensor) -> Tensor:
        """Draw clean volumes.

        Args:
            denoise: Maps (x_t, t) to the network output; t is (B,), counted 1..T.
            like: A tensor with the shape, type and device of the volumes.
            seeds: One seed a sample, (B,).

        Returns:
            Volumes clamped to [-1, 1].
        """
        noise = SeededNoise(seeds)
        x = noise.like(like)
        levels = self._levels()
        for level, following in zip(levels, [*levels[1:], 0], strict=True):
            t = torch.full((len(seeds),), level, device=like.device)
            estimate = self.estimate(denoise(x, t), x, t)
            if self.settings.sampler.kind == "ddim":
                x = self._ddim_step(estimate, following)
            else:
                x = self._ddpm_step(x, estimate, level, noise)
        return x.clamp(-1, 1)

    def _levels(self) -> list[int]:
        """Levels to visit, from T down; evenly spaced, ends included, each update to the next."""
        count = self.settings.sampler.steps
        if count == 1:
            return [self.steps]
        return torch.linspace(self.steps, 1, count).round().long().tolist()

    def _ddim_step(self, estimate: Estimate, following: int) -> Tensor:
        """Song et al. 2021, eq. (12) with sigma = 0, from the current level to ``following``."""
        abar = self.abar[following]
        return abar.sqrt() * estimate.x0 + (1 - abar).sqrt() * estimate.epsilon

    def _ddpm_step(self, x: Tensor, estimate: Estimate, t: int, noise: SeededNoise) -> Tensor:
        """Mean of eq. (5) and variance of eq. (6); no noise in the last step."""
        beta, abar, before = self.beta[t], self.abar[t], self.abar[t - 1]
        mean = (x - beta / (1 - abar).sqrt() * estimate.epsilon) / (1 - beta).sqrt()
        if t == 1:
            return mean
        return mean + ((1 - before) / (1 - abar) * beta).sqrt() * noise.like(x)


def _per_sample(values: Tensor, t: Tensor, like: Tensor) -> Tensor:
    picked = values.to(like.device)[t]
    return picked.reshape(-1, *([1] * (like.ndim - 1)))
