"""The engine at the paper's size; ``pytest tests/speed/test_gpu_speed.py --benchmark-only``.

The bounds are the goals of the engine on one GPU; docs/speed.md has the table.
"""

import gpu_loops
import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]


@pytest.mark.benchmark(group="med-ddpm, 128x160x128 on a GPU")
def test_a_training_step(benchmark: BenchmarkFixture) -> None:
    plain = gpu_loops.plain_step(3)
    torch.cuda.empty_cache()
    ours = benchmark.pedantic(gpu_loops.engine_step, args=(10,), rounds=1)
    share = gpu_loops.flops_a_step() / ours.seconds / gpu_loops.matrix_peak()
    benchmark.extra_info |= {
        "times as fast": plain.seconds / ours.seconds,
        "share of memory": ours.peak_gb / plain.peak_gb,
        "share of bf16 peak": share,
    }
    assert plain.seconds / ours.seconds >= 3
    assert ours.peak_gb <= plain.peak_gb / 2
    assert ours.peak_gb < 24
    assert share >= 0.3


@pytest.mark.slow
@pytest.mark.benchmark(group="med-ddpm, 128x160x128 on a GPU")
def test_fifty_steps(benchmark: BenchmarkFixture) -> None:
    few = benchmark.pedantic(gpu_loops.engine_generation, args=("ddim", gpu_loops.FEW), rounds=1)
    many = gpu_loops.engine_generation("ddpm", gpu_loops.LEVELS)
    plain = gpu_loops.plain_generation()
    benchmark.extra_info |= {"of 1,000 steps": many / few, "of plain": plain / few}
    assert many / few >= 18
    assert plain / few >= 50
