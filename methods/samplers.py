"""Samplers: from pure noise to an image, with a network that separates image from noise.

A sampler visits levels T = t_1 > ... > t_n >= 1 of the schedule, one network evaluation each, and
steps from each to the next, the last step ending in the clean image at level 0. It has no state:
what a volume needs from one step to the next is kept by the sampling loop.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor

from longibench.methods.limits import MOST_STEPS
from longibench.methods.noise_schedule import Schedule, line

NAMES = {"ddpm": "ancestral DDPM", "ddim": "DDIM", "dpm-solver++": "DPM-Solver++ 2M"}


class SamplerSettings(BaseModel):
    """How a volume is sampled.

    Attributes:
        kind: ``ddpm``: ancestral, the paper's eq. (5) and (6); ``ddim``: Song et al. 2021;
            ``dpm-solver++``: second order, multistep (Lu et al. 2022).
        steps: Network evaluations per volume, at most T.
        eta: Noise that a step of ``ddim`` adds: 0 for none, 1 for the same as ``ddpm``.
        clip: Clamp the estimate of the clean image to [-1, 1] at every step, as Med-DDPM does.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["ddpm", "ddim", "dpm-solver++"] = "ddpm"
    steps: int = Field(1000, ge=1, le=MOST_STEPS)
    eta: float = Field(0.0, ge=0, le=1)
    clip: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> "SamplerSettings":
        if self.eta and self.kind != "ddim":
            raise ValueError(f"eta={self.eta:g} is a setting of kind=ddim, not of {self.kind}")
        return self

    def describe(self) -> str:
        """Name, and eta if it is not zero."""
        return f"{NAMES[self.kind]} (eta {self.eta:g})" if self.eta else NAMES[self.kind]


@dataclass(frozen=True)
class Estimate:
    """A network output as estimates of the clean image and of the noise."""

    x0: Tensor
    epsilon: Tensor


class Sampler(ABC):
    """Coefficients of every step, computed once.

    Attributes:
        levels: Levels that are visited, from T down.
        following: Where each step ends; 0 after the last.
    """

    def __init__(self, schedule: Schedule, steps: int) -> None:
        self.schedule = schedule
        self.levels = self.spread(schedule, steps)
        self.following = [*self.levels[1:], 0]

    @staticmethod
    def spread(schedule: Schedule, steps: int) -> list[int]:
        """Levels to visit: evenly spaced over 1..T, both ends included."""
        return _even(schedule.steps, steps)

    def adds_noise(self, place: int) -> bool:
        """Whether the step at a place of ``levels`` needs noise."""
        return False

    @abstractmethod
    def step(
        self, place: int, x: Tensor, now: Estimate, before: Estimate | None, noise: Tensor | None
    ) -> Tensor:
        """Go from ``levels[place]`` to ``following[place]``.

        Args:
            place: Which step.
            x: Volumes at the level.
            now: The network's estimate there.
            before: Its estimate one step earlier; None in the first step.
            noise: Standard normal, like ``x``, if ``adds_noise``.
        """


class DDPM(Sampler):
    """Ancestral sampling over every level: mean of the paper's eq. (5), variance of eq. (6)."""

    def __init__(self, schedule: Schedule) -> None:
        super().__init__(schedule, schedule.steps)
        beta, abar = schedule.beta[1:].float(), schedule.abar.float()
        kept, before = 1 - abar[1:], 1 - abar[:-1]
        self._shift = (beta / kept.sqrt()).tolist()
        self._scale = (1 - beta).sqrt().tolist()
        self._spread = (before / kept * beta).sqrt().tolist()

    def adds_noise(self, place: int) -> bool:
        """Every step but the last."""
        return self.levels[place] > 1

    def step(
        self, place: int, x: Tensor, now: Estimate, before: Estimate | None, noise: Tensor | None
    ) -> Tensor:
        """Eq. (5) and (6)."""
        index = self.levels[place] - 1
        mean = (x - self._shift[index] * now.epsilon) / self._scale[index]
        return mean if noise is None else mean + self._spread[index] * noise


class DDIM(Sampler):
    """Song et al. 2021, eq. (12), with the sigma of eq. (16).

    eta = 0 adds no noise. eta = 1 is the ancestral posterior between the levels visited, that is
    DDPM with the betas of the shorter schedule (Nichol, Dhariwal 2021, section 4).
    """

    def __init__(self, schedule: Schedule, steps: int, eta: float) -> None:
        super().__init__(schedule, steps)
        places = zip(self.levels, self.following, strict=True)
        shares = [eta**2 * schedule.renewed(t, s) for t, s in places]
        noises = [schedule.noise[s] for s in self.following]
        self._sigma = [n * math.sqrt(share) for n, share in zip(noises, shares, strict=True)]
        self._epsilon = [n * math.sqrt(1 - share) for n, share in zip(noises, shares, strict=True)]

    def adds_noise(self, place: int) -> bool:
        """Whether sigma is not zero: it is zero at eta = 0 and in the last step."""
        return self._sigma[place] > 0

    def step(
        self, place: int, x: Tensor, now: Estimate, before: Estimate | None, noise: Tensor | None
    ) -> Tensor:
        """Eq. (12)."""
        signal = self.schedule.signal[self.following[place]]
        mean = signal * now.x0 + self._epsilon[place] * now.epsilon
        return mean if noise is None else mean + self._sigma[place] * noise


class DPMSolver(Sampler):
    """DPM-Solver++(2M): Lu et al. 2022, "DPM-Solver++", algorithm 2.

    Exact for an estimate of the image that is linear in lambda, the logarithm of signal over noise:
    two network outputs define a straight line. The first step has one output, and the last is
    infinitely long in lambda, so both are of first order.
    """

    def __init__(self, schedule: Schedule, steps: int) -> None:
        super().__init__(schedule, steps)
        places = list(zip(self.levels, self.following, strict=True))
        noise, signal, log_snr = schedule.noise, schedule.signal, schedule.log_snr
        widths = [log_snr[s] - log_snr[t] for t, s in places]
        self._keep = [noise[s] / noise[t] for t, s in places]
        self._x0 = [
            -signal[s] * math.expm1(-width) for (_, s), width in zip(places, widths, strict=True)
        ]
        # 1 / (2 r) of the algorithm, r being the last width over this one
        slopes = [width / before / 2 for before, width in pairwise(widths)]
        self._slope = [0.0, *slopes[:-1], 0.0]

    @staticmethod
    def spread(schedule: Schedule, steps: int) -> list[int]:
        """Levels to visit: evenly spaced in lambda, as far as they are distinct.

        With even spacing in t, the last steps would be so long in lambda that the order is lost.
        """
        if steps == 1:
            return [schedule.steps]
        log_snr = torch.tensor(schedule.log_snr[1:], dtype=torch.float64, device="cpu")
        wanted = line(float(log_snr[-1]), float(log_snr[0]), steps)
        nearest = (log_snr - wanted[:, None]).abs().argmin(dim=1) + 1
        return _distinct(nearest.tolist())

    def step(
        self, place: int, x: Tensor, now: Estimate, before: Estimate | None, noise: Tensor | None
    ) -> Tensor:
        """One step of algorithm 2."""
        slope, x0 = self._slope[place], now.x0
        if before is not None and slope:
            x0 = (1 + slope) * x0 - slope * before.x0
        return self._keep[place] * x + self._x0[place] * x0


def build_sampler(settings: SamplerSettings, schedule: Schedule) -> Sampler:
    """The sampler that the settings name.

    Ancestral sampling over fewer levels than T is ``DDIM`` at eta = 1: the same distribution,
    written so that a long step loses no precision.
    """
    if settings.kind == "dpm-solver++":
        return DPMSolver(schedule, settings.steps)
    if settings.kind == "ddim":
        return DDIM(schedule, settings.steps, settings.eta)
    every = settings.steps == schedule.steps
    return DDPM(schedule) if every else DDIM(schedule, settings.steps, eta=1.0)


def _even(total: int, steps: int) -> list[int]:
    if steps == 1:
        return [total]
    return list(torch.linspace(total, 1, steps, device="cpu").round().long().tolist())


def _distinct(levels: list[int]) -> list[int]:
    """Descending levels, shifted until all are distinct; there are enough of them below T."""
    moved = list(levels)
    for place in range(1, len(moved)):
        moved[place] = min(moved[place], moved[place - 1] - 1)
    moved[-1] = 1
    for place in range(len(moved) - 2, -1, -1):
        moved[place] = max(moved[place], moved[place + 1] + 1)
    return moved
