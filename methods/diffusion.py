"""Gaussian diffusion: the forward process, the prediction target, and sampling of volumes.

Equation numbers are those of Dao, Yang, Kim, "Conditional Diffusion Model for Longitudinal Medical
Image Generation" (2024), after Ho et al. 2020. Levels are counted 1..T; 0 is the clean image.
"""

from collections.abc import Callable
from typing import Literal, TypeVar

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor

from longibench.methods.noise import NoiseAhead, SeededNoise
from longibench.methods.noise_schedule import Schedule, ScheduleSettings
from longibench.methods.samplers import Estimate, SamplerSettings, build_sampler

Prediction = Literal["epsilon", "x0", "v", "skip"]
Denoiser = Callable[[Tensor, Tensor], Tensor]
Level = TypeVar("Level", float, Tensor)


class DiffusionSettings(BaseModel):
    """Schedule, prediction target and sampler, checked against each other.

    Attributes:
        schedule: How much noise each level has.
        prediction: What the network outputs: the noise (``epsilon``), the clean image (``x0``),
            ``v`` of Salimans, Ho 2022, or the clean image beside a skip connection of x_t
            (``skip``), see ``GaussianDiffusion.clean``.
        image_spread: Standard deviation of the clean image given source and interval, for ``skip``.
        loss: Mean absolute or mean squared difference.
        sampler: How volumes are sampled.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    schedule: ScheduleSettings = ScheduleSettings()
    prediction: Prediction = "epsilon"
    image_spread: float = Field(0.15, gt=0, le=2)
    loss: Literal["l1", "l2"] = "l2"
    sampler: SamplerSettings = SamplerSettings()

    @model_validator(mode="after")
    def _consistent(self) -> "DiffusionSettings":
        total, steps = self.schedule.steps, self.sampler.steps
        if steps > total:
            raise ValueError(f"sampler.steps={steps} exceeds schedule.steps={total}")
        return self

    def describe(self) -> str:
        """Describe in one line what a table must name."""
        target = "x0 beside a skip of x_t" if self.prediction == "skip" else self.prediction
        return (
            f"predicts {target}, {self.sampler.describe()} "
            f"{self.sampler.steps} of {self.schedule.steps} steps"
        )


class GaussianDiffusion:
    """The forward process and its reversal, for any network and any prediction target."""

    def __init__(self, settings: DiffusionSettings) -> None:
        self.settings = settings
        self.steps = settings.schedule.steps
        self.schedule = Schedule.of(settings.schedule)
        self.sampler = build_sampler(settings.sampler, self.schedule)
        self._factors = {torch.device("cpu"): self.schedule.factors}

    def noisy(self, x0: Tensor, epsilon: Tensor, t: Tensor) -> Tensor:
        """x_t of eq. (2), for x0 (B, C, X, Y, Z) and t (B,)."""
        signal, noise = self._factors_at(t, x0)
        return signal * x0 + noise * epsilon

    def target(self, x0: Tensor, epsilon: Tensor, t: Tensor) -> Tensor:
        """What the network should output: ``clean`` of it is x0."""
        if self.settings.prediction == "epsilon":
            return epsilon
        if self.settings.prediction == "x0":
            return x0
        signal, noise = self._factors_at(t, x0)
        if self.settings.prediction == "v":
            return signal * epsilon - noise * x0
        return x0 - self.settings.image_spread**2 * signal / noise * epsilon

    def loss(self, output: Tensor, x0: Tensor, epsilon: Tensor, t: Tensor) -> Tensor:
        """Mean L2 (eq. 10) or L1 distance to the prediction target.

        With ``skip`` each level has the weight of Karras et al. 2022 (section 5): one over the
        variance of what the network has to add.
        """
        difference = output - self.target(x0, epsilon, t)
        if self.settings.prediction == "skip":
            signal, noise = self._factors_at(t, x0)
            difference = difference * self._share(signal, noise).sqrt()
        return difference.abs().mean() if self.settings.loss == "l1" else difference.square().mean()

    def estimate(self, output: Tensor, x_t: Tensor, level: int) -> Estimate:
        """Read a network output at x_t as clean image and noise, clamped if the sampler clips."""
        signal, noise = self.schedule.signal[level], self.schedule.noise[level]
        x0 = self.clean(output, x_t, level)
        if self.settings.sampler.clip:
            x0 = x0.clamp(-1, 1)
        return Estimate(x0, (x_t - signal * x0) / noise)

    def clean(self, output: Tensor, x_t: Tensor, level: int) -> Tensor:
        """Read a network output at x_t as the clean image, not clamped.

        With ``skip`` it is c x_t / sqrt(abar) + (1 - c) output, with c = s^2 / (s^2 + sigma^2),
        the ``image_spread`` s and the noise over the signal sigma: the skip connection of Karras
        et al. 2022, table 1, with an output on the scale of images. For an output that is off by
        s, independently of the noise, it is the mean of the posterior.
        """
        signal, noise = self.schedule.signal[level], self.schedule.noise[level]
        output = output.to(x_t.dtype)  # a plain number times bfloat16 would stay bfloat16
        if self.settings.prediction == "epsilon":
            return (x_t - noise * output) / signal
        if self.settings.prediction == "x0":
            return output
        if self.settings.prediction == "v":
            return signal * x_t - noise * output
        share = self._share(signal, noise)
        return (1 - share) / signal * x_t + share * output

    def _share(self, signal: Level, noise: Level) -> Level:
        """The output's share of the estimate with ``skip``: 1 in pure noise, 0 in the image."""
        spread = self.settings.image_spread * signal
        return noise**2 / (noise**2 + spread**2)

    def sample(self, denoise: Denoiser, like: Tensor, seeds: Tensor) -> Tensor:
        """Sample clean volumes.

        Args:
            denoise: Maps (x_t, t) to the network output; t is (B,), counted 1..T.
            like: A tensor with the shape, type and device of the volumes.
            seeds: One seed per sample, (B,).

        Returns:
            Volumes clamped to [-1, 1].
        """
        sampler = self.sampler
        times = torch.tensor(sampler.levels, device=like.device)  # copied once, not in every step
        noisy = [sampler.adds_noise(place) for place in range(len(sampler.levels))]
        before = None
        with NoiseAhead(SeededNoise(seeds), like, count=1 + sum(noisy)) as noise:
            x = noise.next()
            for place, level in enumerate(sampler.levels):
                output = denoise(x, times[place].expand(len(seeds)))
                now = self.estimate(output, x, level)
                x = sampler.step(place, x, now, before, noise.next() if noisy[place] else None)
                before = now
        return x.clamp(-1, 1)

    def _factors_at(self, t: Tensor, like: Tensor) -> Tensor:
        """Factors of image and noise at times (B,), (2, B, 1, ...), cached per device."""
        device = like.device
        if device not in self._factors:
            self._factors[device] = self.schedule.factors.to(device)
        return self._factors[device][:, t].reshape(2, -1, *([1] * (like.ndim - 1)))
