"""The cost of a training: seconds and arithmetic a step, share of the device's measured peak."""

from functools import cache
from typing import Any

import torch

from longibench.benchmark.devices.timing import shortest
from longibench.benchmark.training.footprint import footprint
from longibench.benchmark.training.recipe import Recipe

SECONDS = 0.3  # of timing
SIDES = {"cuda": 8192, "cpu": 1024}  # of square matrices, large enough to be bound by arithmetic
TYPES = {"bf16-mixed": torch.bfloat16, "64-true": torch.float64}  # else float32


@cache
def measure_peak(kind: str, precision: str) -> float:
    """Floating-point operations a second of this device in products of large square matrices.

    Measured once a process, not taken from a data sheet. A float32 product on a GPU uses TF32 if
    the process allows it, as training does.

    Args:
        kind: ``cpu`` or ``cuda``.
        precision: Of the training; its compute type is timed.
    """
    side = SIDES[kind]
    factor = torch.ones(side, side, device=kind, dtype=TYPES.get(precision, torch.float32))
    product = torch.empty_like(factor)
    with torch.inference_mode():
        return (
            2
            * side**3
            / shortest(
                lambda: torch.mm(factor, factor, out=product), kind, times=2, seconds=SECONDS
            )
        )


def model_flops(recipe: Recipe, pairs: int) -> int | None:
    """Operations of forward and backward pass of some pairs, without activation checkpointing.

    None if the method cannot be traced.
    """
    found = footprint(recipe, 1)
    return None if found is None else found.step_flops * pairs


def training_costs(
    recipe: Recipe, batch_size: int, seconds_per_step: float, kind: str, precision: str
) -> dict[str, Any]:
    """The cost of a step, for ``trained.json``.

    Args:
        recipe: The method.
        batch_size: Pairs an optimizer step and device: the peak is that of one device.
        seconds_per_step: Measured, of one training step.
        kind: ``cpu`` or ``cuda``.
        precision: Resolved, such as ``bf16-mixed``.

    Returns:
        ``seconds_per_step``; ``step_tflop``, the arithmetic of one step; ``tflops`` reached;
        ``peak_tflops``, measured; ``peak_share``. None if a method cannot be traced.
    """
    flops = model_flops(recipe, batch_size)
    peak = measure_peak(kind, precision)
    reached = flops / seconds_per_step if flops and seconds_per_step > 0 else None
    return {
        "seconds_per_step": _rounded(seconds_per_step),
        "step_tflop": flops and _rounded(flops / 1e12),
        "tflops": reached and _rounded(reached / 1e12),
        "peak_tflops": _rounded(peak / 1e12),
        "peak_share": reached and _rounded(reached / peak),
    }


RUN_KEYS = ("seconds_per_step", "step_tflop", "tflops", "peak_tflops", "peak_share")


def costs_of_run(trained: dict[str, Any]) -> dict[str, Any]:
    """The values of ``trained.json`` that ``run.json`` repeats; missing keys are left out."""
    kept = {key: trained[key] for key in RUN_KEYS if key in trained}
    memory = trained.get("peak_memory_gb")
    return kept if memory is None else {**kept, "train_peak_memory_gb": memory}


def _rounded(value: float) -> float:
    """To four significant digits."""
    return float(f"{value:.4g}")
