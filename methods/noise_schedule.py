"""Noise schedules: the amounts of image and noise at each level.

Arrays have T + 1 entries, entry 0 being the clean image (abar_0 = 1), so that ``abar[t]`` is as in
Ho et al. 2020 and in the paper.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor

from longibench.methods.limits import MOST_STEPS


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
    steps: int = Field(1000, ge=2, le=MOST_STEPS)
    beta_start: float = Field(1e-4, gt=0, lt=1)
    beta_end: float = Field(0.02, gt=0, lt=1)

    @model_validator(mode="after")
    def _distinct_levels(self) -> "ScheduleSettings":
        """In float32, in which volumes are computed; samplers divide by signal and noise."""
        abar = torch.cumprod(1 - self.betas(), dim=0).float()
        falls = bool((abar[1:] < abar[:-1]).all())
        if not (falls and float(abar[0]) < 1 and float(abar[-1]) > 0):
            raise ValueError(
                f"over {self.steps} steps the share of the image must fall at every step and end "
                "above 0; choose other values of beta_start and beta_end"
            )
        return self

    def betas(self) -> Tensor:
        """beta_1 to beta_T, (T,) float64."""
        if self.kind == "linear":
            return line(self.beta_start, self.beta_end, self.steps)
        times = line(0, 1, self.steps + 1)
        abar = torch.cos((times + 0.008) / 1.008 * math.pi / 2) ** 2  # Nichol, Dhariwal eq. (17)
        return (1 - abar[1:] / abar[:-1]).clamp(max=0.999)


@dataclass(frozen=True)
class Schedule:
    """The coefficients of every level, float64, (T + 1,).

    Attributes:
        beta: Variance that a step adds; 0 at level 0.
        abar: Share of the image in the variance at a level; 1 at level 0.
    """

    beta: Tensor
    abar: Tensor

    @classmethod
    def of(cls, settings: ScheduleSettings) -> "Schedule":
        """Compute both arrays from the settings."""
        betas = settings.betas()
        betas = torch.cat([torch.zeros_like(betas[:1]), betas])
        return cls(betas, torch.cumprod(1 - betas, dim=0))

    @property
    def steps(self) -> int:
        """T."""
        return len(self.beta) - 1

    @cached_property
    def factors(self) -> Tensor:
        """Factors of image and noise, sqrt(abar) and sqrt(1 - abar), (2, T + 1) float32."""
        abar = self.abar.float()
        return torch.stack([abar.sqrt(), (1 - abar).sqrt()])

    @cached_property
    def signal(self) -> list[float]:
        """Factor of the image at each level, as Python numbers: no step waits for a device."""
        return list(self.factors[0].tolist())

    @cached_property
    def noise(self) -> list[float]:
        """Factor of the noise at each level."""
        return list(self.factors[1].tolist())

    @cached_property
    def log_snr(self) -> list[float]:
        """Logarithm of signal over noise, lambda of Lu et al. 2022; infinite at level 0."""
        pairs = zip(self.signal, self.noise, strict=True)
        return [math.log(signal / noise) if noise else math.inf for signal, noise in pairs]

    def renewed(self, t: int, s: int) -> float:
        """Share of the noise at level s that is new in an ancestral step there from t > s.

        The posterior's variance (Ho et al. 2020, eq. 7) over that of all noise at s.
        """
        at, below = float(self.abar[t]), float(self.abar[s])
        return (1 - at / below) / (1 - at)


def line(start: float, end: float, count: int) -> Tensor:
    """Evenly spaced numbers with both ends, (count,) float64, on the CPU even under another device.

    A network may be built on the meta device to determine its size; its schedule needs values.
    """
    return torch.linspace(start, end, count, dtype=torch.float64, device="cpu")
