"""Exponential moving average of the weights."""

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from longibench.benchmark.settings.schema import EMASettings


class WeightAverage:
    """Keeps averaged copies of all floating tensors of a module; other buffers are copied."""

    def __init__(self, module: nn.Module, settings: EMASettings) -> None:
        """Args: a module on its device; its tensors are averaged from now on."""
        self._settings = settings
        self._followed: dict[str, Tensor] = {}
        if settings.decay > 0:
            self._followed = {name: value.detach() for name, value in module.state_dict().items()}
        self.weights = {name: value.clone() for name, value in self._followed.items()}
        floating = [name for name, value in self.weights.items() if value.is_floating_point()]
        self._averages = [self.weights[name] for name in floating]
        self._values = [self._followed[name] for name in floating]
        self._others = [name for name in self.weights if name not in set(floating)]

    def load(self, weights: dict[str, Tensor]) -> None:
        """Continue from saved averages."""
        for name, value in weights.items():
            self.weights[name].copy_(value)

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Update the averages after an iteration; ``step`` counts the iterations done."""
        if not self.weights or step % self._settings.every:
            return
        keep = self._settings.decay if step > self._settings.start else 0.0
        get_ema_multi_avg_fn(keep)(self._averages, self._values, step)
        for name in self._others:
            self.weights[name].copy_(self._followed[name])
