"""The comparison at the paper's size, which needs a GPU: time, memory, share of the peak."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from contenders import PAPER
from engine_loop import Case, EngineLoop, noise_of
from plain_loop import PlainLoop
from torch.utils.flop_counter import FlopCounterMode

from longibench.benchmark.settings.schema import DeviceSettings

CASE = Case("med-ddpm", "paper", PAPER, train_batch=1, generate_batch=1, prediction="epsilon")
DEVICE = "cuda"
FAST = DeviceSettings(precision="bf16-mixed", compile="on")
EAGER = FAST.model_copy(update={"compile": "off"})  # FLOPs of a compiled network are not counted
LEVELS, FEW = 1000, 50


@dataclass(frozen=True)
class Measured:
    """Seconds a call, the median, and its peak memory."""

    seconds: float
    peak_gb: float


def measure(work: Callable[[], Any], rounds: int) -> Measured:
    """Time work on the GPU, after two rounds that do not count (kernels are chosen, compiled)."""
    taken = []
    for number in range(rounds + 2):
        torch.cuda.reset_peak_memory_stats()
        torch.cuda.synchronize()
        began = time.perf_counter()
        work()
        torch.cuda.synchronize()
        if number > 1:
            taken.append(time.perf_counter() - began)
    return Measured(statistics.median(taken), torch.cuda.max_memory_allocated() / 1e9)


def plain_step(rounds: int) -> Measured:
    """A step of the plain loop in float32, with torch's defaults (no TF32 in matrix products)."""
    loop = _plain(CASE)
    volumes = CASE.volumes(1, DEVICE)
    noise, t = (part.to(DEVICE) for part in noise_of(CASE.build(), volumes[0].cpu(), _seeds()))
    return measure(lambda: loop.step(*volumes, noise, t), rounds)


def engine_step(rounds: int) -> Measured:
    """A step of the engine: bf16, channels last, compiled, fused."""
    loop = EngineLoop(CASE.build(), FAST, device=DEVICE)
    volumes = CASE.volumes(1, DEVICE)
    return measure(lambda: loop.step(volumes, _seeds()), rounds)


def plain_generation(steps: int = 4) -> float:
    """Seconds of 1,000 sampling steps of the plain loop, from a few: all cost the same."""
    case = replace(CASE, steps=steps)
    loop = _plain(case)
    source, _, years = case.volumes(1, DEVICE)
    return measure(lambda: loop.generate(source, years, 0), 2).seconds / steps * LEVELS


def engine_generation(sampler: str, steps: int) -> float:
    """Seconds a volume of the engine, all sampling steps."""
    case = replace(CASE, steps=LEVELS, sampler=sampler, sampler_steps=steps)
    loop = EngineLoop(case.build(), FAST, device=DEVICE)
    source, _, years = case.volumes(1, DEVICE)
    return measure(lambda: loop.generate(source, years, _seeds()), 1).seconds


def flops_a_step() -> int:
    """Floating-point operations of a forward and a backward pass, counted by torch."""
    loop = EngineLoop(CASE.build(), EAGER, device=DEVICE)
    with FlopCounterMode(display=False) as counter:
        loop.loss(CASE.volumes(1, DEVICE), _seeds()).backward()
    return int(counter.get_total_flops())


def matrix_peak(side: int = 8192, rounds: int = 20) -> float:
    """Floating-point operations a second of a large bf16 matrix product."""
    a, b = torch.randn(2, side, side, device=DEVICE, dtype=torch.bfloat16)
    return 2 * side**3 / measure(lambda: a @ b, rounds).seconds


def compare_on_gpu(rounds: int) -> None:
    """Print the rows of docs/speed.md that need a GPU."""
    if not torch.cuda.is_available():
        raise SystemExit("no CUDA device: this comparison needs one")
    plain, ours = plain_step(rounds), engine_step(rounds)
    torch.cuda.empty_cache()
    few, many = engine_generation("ddim", FEW), engine_generation("ddpm", LEVELS)
    share = flops_a_step() / ours.seconds / matrix_peak()
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}\n")
    print("| what | plain | ours | ratio |\n|---|---|---|---|")
    print(f"| training step, s | {plain.seconds:.3f} | {ours.seconds:.3f} |", end="")
    print(f" {plain.seconds / ours.seconds:.2f} |")
    print(f"| its peak memory, GB | {plain.peak_gb:.1f} | {ours.peak_gb:.1f} |", end="")
    print(f" {plain.peak_gb / ours.peak_gb:.2f} |")
    slow = plain_generation()
    print(f"| a volume, 1,000 steps, s | {slow:.1f} | {many:.1f} | {slow / many:.1f} |")
    print(
        f"| a volume, DDIM-50, s | - | {few:.2f} | {many / few:.1f} of 1,000 steps in ours,", end=""
    )
    print(f" {slow / few:.1f} of plain |")
    print(f"| share of the bf16 matrix peak | - | {share:.1%} | - |")


def _plain(case: Case) -> PlainLoop:
    loop = PlainLoop(case.build())
    loop.net.to(DEVICE)
    return loop


def _seeds() -> torch.Tensor:
    return torch.arange(1)
