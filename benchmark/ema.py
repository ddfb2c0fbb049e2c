"""Exponential moving average of the weights."""

import torch
from torch import Tensor, nn

from benchmark.settings import EMASettings


class WeightAverage:
    """Keeps averaged copies of all floating tensors of a module; other buffers are copied."""

    def __init__(self, module: nn.Module, settings: EMASettings) -> None:
        self._settings = settings
        self.weights: dict[str, Tensor] = {}
        if settings.decay > 0:
            self.weights = {k: v.detach().clone() for k, v in module.state_dict().items()}

    def load(self, weights: dict[str, Tensor]) -> None:
        """Continue from saved averages."""
        for name, value in weights.items():
            self.weights[name].copy_(value)

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        """Move the averages after an update; ``step`` counts updates done."""
        if not self.weights or step % self._settings.every:
            return
        keep = self._settings.decay if step > self._settings.start else 0.0
        for name, value in module.state_dict().items():
            average = self.weights[name]
            if average.is_floating_point():
                average.lerp_(value, 1 - keep)
            else:
                average.copy_(value)
