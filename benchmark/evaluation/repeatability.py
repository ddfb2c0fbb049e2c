"""A generated volume depends on checkpoint, source, interval and seed, and on nothing else."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.seeds import seed_torch

GLOBAL_SEEDS = (1, 2)
EXACT = ("float32", "float64")
# Largest difference between two calls on a GPU, whose kernels may sum in another order. A CPU
# has none: interrupted and uninterrupted generation are equal bit for bit there.
GPU_TOLERANCE = 1e-3
GPU_TOLERANCE_REDUCED = 2e-2  # TF32 and bf16 round to 8 or 10 bits


def generate_twice(
    name: str, generate: Callable[[], Tensor], device: torch.device, arithmetic: str
) -> Tensor:
    """Generate a batch twice, under different global seeds, and compare.

    Args:
        name: The method's name.
        generate: Generates the batch.
        device: Where it is generated.
        arithmetic: Its name, see ``benchmark.devices.fabric.arithmetic``.

    Returns:
        The volumes of the first call.

    Raises:
        UserError: The two calls differ by more than the device's arithmetic explains.
    """
    # a copy: a method may return a buffer that it fills again
    first, second = (_under(seed, generate, device).clone() for seed in GLOBAL_SEEDS)
    difference = float((first - second).abs().max())
    if difference > _tolerance(device, arithmetic):
        raise UserError(
            f"method '{name}': generate called twice with the same source, interval and seeds "
            f"gave volumes that differ by up to {difference:.2g}. Take random numbers from "
            "methods.noise.SeededNoise(seeds) alone, not from torch.randn_like, numpy.random or "
            "random, and keep nothing from one call to the next"
        )
    return first


def _tolerance(device: torch.device, arithmetic: str) -> float:
    if device.type == "cpu":
        return 0.0
    return GPU_TOLERANCE if arithmetic in EXACT else GPU_TOLERANCE_REDUCED


def _under(seed: int, generate: Callable[[], Tensor], device: torch.device) -> Tensor:
    with _global_seed(seed, device):
        return generate()


@contextmanager
def _global_seed(seed: int, device: torch.device) -> Iterator[None]:
    """Seed the global generators of Python, NumPy and torch; restore their states afterwards."""
    python, numpy = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            random.seed(seed)
            np.random.seed(seed)
            seed_torch(seed, device)
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
