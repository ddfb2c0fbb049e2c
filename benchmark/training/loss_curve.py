"""The loss curve, read rarely, and the detection of divergence."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import torch
from torch import Tensor

LOG_EVERY = 10  # steps a row of the curve; reading a loss more often would stall a GPU
LOSS_COLUMNS = ("stage", "step", "loss", "seconds")
REMEMBERED = 100  # rows of the running median
ENOUGH = 10  # rows before the median is used


class DivergedError(Exception):
    """A loss or weight that is not finite, or a loss far above its median.

    Attributes:
        step: Iteration after which it was found, counted from 1.
        reason: What was found.
    """

    def __init__(self, step: int, reason: str) -> None:
        super().__init__(reason)
        self.step, self.reason = step, reason


@dataclass
class LossCurve:
    """Losses stay on the device until a row is due.

    Attributes:
        divergence_factor: How many times the running median a row may be; 0 for any.
        rows: Rows of ``LOSS_COLUMNS``.
        window: Losses without a row so far, with the step of each.
    """

    divergence_factor: float
    rows: list[list[Any]] = field(default_factory=list)
    window: list[tuple[int, Tensor]] = field(default_factory=list)

    def add(self, step: int, loss: Tensor) -> None:
        """Remember the loss of an optimizer step of iteration ``step``."""
        self.window.append((step, loss))

    def settle(self, mean_over_processes: Callable[[Tensor], Tensor]) -> list[float]:
        """Losses of the window, the mean over processes; waits for the device."""
        losses = mean_over_processes(torch.stack([loss for _, loss in self.window]))
        steps = [step for step, _ in self.window]
        self.window = list(zip(steps, losses, strict=True))
        return losses.tolist()

    def close_row(self, stage: str, losses: list[float], seconds: float) -> float:
        """Turn the window, its losses checked before, into a row; return its loss."""
        step = self.window[-1][0]
        mean = sum(losses) / len(losses)
        self.window.clear()
        self.rows.append([stage, step, mean, round(seconds, 3)])
        return mean

    def check(self, stage: str, losses: list[float]) -> None:
        """Find the first loss of the window that shows divergence.

        Raises:
            DivergedError: There is one.
        """
        limit = self._limit(stage)
        for (step, _), loss in zip(self.window, losses, strict=True):
            if not math.isfinite(loss):
                raise DivergedError(step, f"the loss is {loss}")
            if loss > limit:
                raise DivergedError(
                    step,
                    f"the loss is {loss:.3g}, over {self.divergence_factor:g} times its median",
                )

    def _limit(self, stage: str) -> float:
        recent = [row[2] for row in self.rows[-REMEMBERED:] if row[0] == stage]
        if not self.divergence_factor or len(recent) < ENOUGH or median(recent) <= 0:
            return math.inf
        return self.divergence_factor * median(recent)
