"""A complete method: the source plus the years times the population's mean change per year."""

import torch
from torch import Tensor, nn

from methods.method import Method, MethodSettings


class MeanChange(Method, name="mean-change"):
    """Learns one number per voxel, by least squares over all training pairs."""

    summary = "adds the population's mean change per year, voxel by voxel"

    def __init__(self, settings: MethodSettings, shape: tuple[int, int, int]) -> None:
        super().__init__(settings, shape)
        self.rate = nn.Parameter(torch.zeros(shape))  # change of intensity per year, (X, Y, Z)

    def predict(self, source: Tensor, interval_years: Tensor) -> Tensor:
        """Extrapolate sources (B, 1, X, Y, Z) by intervals (B,) in years."""
        return source + interval_years[:, None, None, None, None] * self.rate

    def training_loss(self, source: Tensor, target: Tensor, interval_years: Tensor) -> Tensor:
        """Mean squared error of the predicted follow-ups."""
        return (self.predict(source, interval_years) - target).square().mean()

    def generate(self, source: Tensor, interval_years: Tensor, seeds: Tensor) -> Tensor:
        """The extrapolation; without random numbers, the seeds are not used."""
        return self.predict(source, interval_years).clamp(-1, 1)
