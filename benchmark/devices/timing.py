"""Time work on a device."""

import time
from collections.abc import Callable
from typing import TypeVar

import torch

Result = TypeVar("Result")


def synchronise(kind: str) -> None:
    """Wait until a kind of device, ``cpu`` or ``cuda``, has done all its work."""
    if kind == "cuda":
        torch.cuda.synchronize()


def timed(work: Callable[[], Result], kind: str) -> tuple[float, Result]:
    """Seconds until a kind of device has done the work, and the work's result."""
    synchronise(kind)
    began = time.perf_counter()
    result = work()
    synchronise(kind)
    return time.perf_counter() - began, result


def shortest(
    work: Callable[[], object], kind: str, *, times: int = 1, seconds: float = 0.0
) -> float:
    """Seconds of the fastest repetition, after one to warm up.

    Args:
        work: The work to time.
        kind: Kind of device, ``cpu`` or ``cuda``.
        times: Least number of repetitions.
        seconds: Least duration of the repetitions.
    """
    work()
    found: list[float] = []
    end = time.perf_counter() + seconds
    while len(found) < times or time.perf_counter() < end:
        found.append(timed(work, kind)[0])
    return min(found)
