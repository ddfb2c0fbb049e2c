"""Per-sample noise: independent of batch size, order, workers and devices."""

from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Protocol

import torch
from torch import Tensor


class Noise(Protocol):
    """Random numbers for a method."""

    def like(self, reference: Tensor) -> Tensor:
        """Sample standard normal noise, (B, ...), of the shape, type and device of a reference."""
        ...

    def integers(self, low: int, high: int, like: Tensor) -> Tensor:
        """Sample one integer in low..high - 1 per sample, (B,), on the device of ``like``."""
        ...


class SeededNoise:
    """One stream of random numbers per sample of a batch."""

    def __init__(self, seeds: Tensor, device: torch.device | str = "cpu") -> None:
        """Start the streams.

        Args:
            seeds: One int64 seed per sample, (B,).
            device: Where the numbers are generated. On the CPU all devices get the same numbers;
                on a GPU nothing is copied.
        """
        self._generators = [torch.Generator(device).manual_seed(int(seed)) for seed in seeds]
        self._device = device

    def like(self, reference: Tensor) -> Tensor:
        """Sample the next noise, (B, ...), of the shape, type and device of ``reference``."""
        return self.sample(reference.shape[1:]).to(reference)

    def sample(self, shape: torch.Size) -> Tensor:
        """Sample the next noise for a sample's shape, (B, ...) float32, on the stream's device."""
        samples = [
            # independent of the default type: another type would give other numbers
            torch.randn(shape, generator=g, device=self._device, dtype=torch.float32)
            for g in self._generators
        ]
        return torch.stack(samples)

    def integers(self, low: int, high: int, like: Tensor) -> Tensor:
        """Sample the next integer in low..high - 1 for each sample, (B,)."""
        samples = [
            torch.randint(low, high, (), generator=g, device=self._device) for g in self._generators
        ]
        return torch.stack(samples).to(like.device)


class GlobalNoise:
    """Torch's global generator, for code that calls a method without the harness."""

    def like(self, reference: Tensor) -> Tensor:
        """Sample noise of the shape, type and device of ``reference``."""
        return torch.randn(reference.shape, dtype=torch.float32).to(reference)

    def integers(self, low: int, high: int, like: Tensor) -> Tensor:
        """Sample one integer in low..high - 1 per sample, (B,)."""
        return torch.randint(low, high, (len(like),)).to(like.device)


class NoiseAhead:
    """The next noise of a stream, sampled in a thread while the network runs on the device.

    The numbers are those of ``SeededNoise.like``, in the same order. On a CPU nothing is sampled
    ahead: the network uses all cores, and another thread would compete for them.
    """

    def __init__(
        self, noise: SeededNoise, like: Tensor, count: int, ahead: bool | None = None
    ) -> None:
        """Set up the thread.

        Args:
            noise: The streams; they must not be used elsewhere in the meantime.
            like: Shape, type and device of the noise, (B, ...).
            count: How often ``next`` will be called.
            ahead: Whether to use a thread; None: only on a GPU.
        """
        self._noise, self._like, self._left = noise, like, count
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
        noise = self._coming.result()
        self._order()
        return noise.to(self._like, non_blocking=True)

    def _order(self) -> None:
        """Start sampling the next one, unless none is left."""
        self._coming = None
        if self._pool is not None and self._left:
            self._left -= 1
            self._coming = self._pool.submit(self._sampled)

    def _sampled(self) -> Tensor:
        noise = self._noise.sample(self._like.shape[1:])
        return noise.pin_memory() if self._pin else noise  # else the copy would wait for the device
