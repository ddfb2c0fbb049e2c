"""Noise that belongs to a sample: independent of batch size, order, workers and devices."""

from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
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
        self._generators = [torch.Generator(device).manual_seed(int(seed)) for seed in seeds]
        self._device = device

    def like(self, reference: Tensor) -> Tensor:
        """Draw the next (B, ...) noise, with the shape, type and device of ``reference``."""
        return self.draw(reference.shape[1:]).to(reference)

    def draw(self, shape: torch.Size) -> Tensor:
        """Draw the next noise of a sample's shape, (B, ...) float32, where numbers are drawn."""
        draws = [
            # whatever the default type is: of another type they were other numbers
            torch.randn(shape, generator=g, device=self._device, dtype=torch.float32)
            for g in self._generators
        ]
        return torch.stack(draws)

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
        return torch.randn(reference.shape, dtype=torch.float32).to(reference)

    def integers(self, low: int, high: int, like: Tensor) -> Tensor:
        """Draw one integer of low..high - 1 a sample, (B,)."""
        return torch.randint(low, high, (len(like),)).to(like.device)


class NoiseAhead:
    """The next noise of a stream, drawn in a thread while the network runs on the device.

    The numbers are those of ``SeededNoise.like``, in the same order. On a CPU nothing is drawn
    ahead: the network has all cores, and a thread beside it would only share them.
    """

    def __init__(
        self, noise: SeededNoise, like: Tensor, draws: int, ahead: bool | None = None
    ) -> None:
        """Begin with the first.

        Args:
            noise: The streams; nobody else may draw from them meanwhile.
            like: Shape, type and device of the noise, (B, ...).
            draws: How often ``next`` will be called.
            ahead: Whether to use a thread; None for where it pays.
        """
        self._noise, self._like, self._left = noise, like, draws
        self._pin = like.is_cuda
        use = like.is_cuda if ahead is None else ahead
        self._pool = ThreadPoolExecutor(1, "noise") if use else None
        self._coming: Future[Tensor] | None = None

    def __enter__(self) -> "NoiseAhead":
        self._order()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def next(self) -> Tensor:
        """The next (B, ...) noise, on the device."""
        if self._coming is None:
            return self._noise.like(self._like)
        drawn = self._coming.result()
        self._order()
        return drawn.to(self._like, non_blocking=True)

    def _order(self) -> None:
        """Have the next one drawn, unless there is none to come."""
        self._coming = None
        if self._pool is not None and self._left:
            self._left -= 1
            self._coming = self._pool.submit(self._drawn)

    def _drawn(self) -> Tensor:
        drawn = self._noise.draw(self._like.shape[1:])
        return drawn.pin_memory() if self._pin else drawn  # else the copy would wait for the device
