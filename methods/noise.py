"""Noise that belongs to a sample: independent of batch size, order, workers and devices."""

from typing import Protocol

import torch
from torch import Tensor


class Noise(Protocol):
    """What a method draws its random numbers from."""

    def like(self, reference: Tensor) -> Tensor:
        """Draw standard normal noise, (B, ...), of the shape, type and device of a reference."""
        ...

    def integers(self, low: int, high: int, like: Tensor) -> Tensor:
        """Draw one uniform integer of low..high - 1 a sample, (B,), on the device of ``like``."""
        ...


class SeededNoise:
    """A stream of random numbers for each sample of a batch."""

    def __init__(self, seeds: Tensor, device: torch.device | str = "cpu") -> None:
        """Start the streams.

        Args:
            seeds: One int64 seed a sample, (B,).
            device: Where the numbers are drawn. On the CPU every device sees the same numbers;
                on a GPU nothing is copied.
        """
        self._generators = [torch.Generator(device).manual_seed(seed) for seed in seeds.tolist()]
        self._device = device

    def like(self, reference: Tensor) -> Tensor:
        """Draw the next (B, ...) noise, with the shape, type and device of ``reference``."""
        shape = reference.shape[1:]
        draws = [torch.randn(shape, generator=g, device=self._device) for g in self._generators]
        return torch.stack(draws).to(reference)

    def integers(self, low: int, high: int, like: Tensor) -> Tensor:
        """Draw the next integer of low..high - 1 a sample, (B,)."""
        draws = [
            torch.randint(low, high, (), generator=g, device=self._device) for g in self._generators
        ]
        return torch.stack(draws).to(like.device)


class GlobalNoise:
    """Torch's global generator, for code that calls a method without the harness."""

    def like(self, reference: Tensor) -> Tensor:
        """Draw noise of the shape, type and device of ``reference``."""
        return torch.randn(reference.shape).to(reference)

    def integers(self, low: int, high: int, like: Tensor) -> Tensor:
        """Draw one integer of low..high - 1 a sample, (B,)."""
        return torch.randint(low, high, (len(like),)).to(like.device)
