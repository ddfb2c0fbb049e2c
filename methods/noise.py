"""Noise that belongs to a sample: independent of batch size, order, workers and device."""

import torch
from torch import Tensor


class SeededNoise:
    """A stream of standard normal noise for each sample of a batch.

    Drawn on the CPU, so that every device sees the same numbers.
    """

    def __init__(self, seeds: Tensor) -> None:
        """Args: one int64 seed a sample, (B,)."""
        self._generators = [torch.Generator().manual_seed(int(seed)) for seed in seeds]

    def like(self, reference: Tensor) -> Tensor:
        """Draw the next (B, ...) noise, with the shape, type and device of ``reference``."""
        shape = reference.shape[1:]
        draws = [torch.randn(shape, generator=generator) for generator in self._generators]
        return torch.stack(draws).to(reference)
