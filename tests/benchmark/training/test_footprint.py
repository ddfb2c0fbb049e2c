import subprocess
import sys
from pathlib import Path

import pytest
import torch

from longibench.benchmark.settings.loading import load_settings
from longibench.benchmark.training.footprint import footprint, outline
from longibench.benchmark.training.recipe import Recipe

READS_VALUES = """
from torch import Tensor, nn
from methods.method import Method, MethodSettings


class Reads(Method, name="reads"):
    def __init__(self, settings: MethodSettings, shape: tuple[int, int, int]) -> None:
        super().__init__(settings, shape)
        self.layer = nn.Conv3d(1, 4, 3, padding=1)

    def training_loss(self, source: Tensor, target: Tensor, interval_years: Tensor) -> Tensor:
        if source.mean().item() > 5:
            raise ValueError("not a volume")
        return (self.layer(source) - target).square().mean()

    def generate(self, source: Tensor, interval_years: Tensor, seeds: Tensor) -> Tensor:
        return source
"""


def small(name: str, *overrides: str) -> Recipe:
    return Recipe.of(name, load_settings("demo", overrides))


def published() -> Recipe:
    return Recipe.of("med-ddpm", load_settings("paper"))


def test_nothing_is_allocated_and_the_random_state_is_unchanged() -> None:
    before = torch.get_rng_state()
    found = footprint(published(), 1, precision="bf16-mixed", kind="cuda")
    assert found is not None
    assert torch.equal(torch.get_rng_state(), before)
    assert found.weights_gb == pytest.approx(40_224_705 * 4e-9, rel=0.01)
    assert found.state_gb == pytest.approx(3 * found.weights_gb)
    assert found.forward_flops == pytest.approx(6.9e12, rel=0.02)
    assert found.step_flops == pytest.approx(3 * found.forward_flops, rel=0.02)
    assert 15 < found.activations_gb < 30  # more than any laptop has


def test_cuda_keeps_norms_in_float32() -> None:
    cpu = footprint(small("med-ddpm"), 2, precision="bf16-mixed", kind="cpu")
    cuda = footprint(small("med-ddpm"), 2, precision="bf16-mixed", kind="cuda")
    full = footprint(small("med-ddpm"), 2, precision="32-true", kind="cuda")
    assert cpu is not None
    assert cuda is not None
    assert full is not None
    assert cpu.activations_gb < cuda.activations_gb < 1.2 * full.activations_gb


def test_memory_grows_with_pairs_precision_and_average() -> None:
    one, two = footprint(small("ours"), 1), footprint(small("ours"), 2)
    double = footprint(small("ours"), 1, precision="64-true")
    averaged = footprint(small("ours"), 1, ema=True)
    assert one is not None
    assert two is not None
    assert double is not None
    assert averaged is not None
    assert two.activations_gb == pytest.approx(2 * one.activations_gb, rel=0.1)
    assert double.activations_gb == pytest.approx(2 * one.activations_gb, rel=0.05)
    assert averaged.state_gb == pytest.approx(one.state_gb + one.weights_gb)
    assert two.step_flops == pytest.approx(2 * one.step_flops, rel=0.01)


def test_activation_checkpointing_costs_arithmetic() -> None:
    recipe = small("med-ddpm", "grid.shape=[64,80,64]", "methods.med-ddpm.patch=1")
    plain, checkpointed = footprint(recipe, 1), footprint(recipe, 1, levels=1)
    assert plain is not None
    assert checkpointed is not None
    assert checkpointed.activations_gb < 0.9 * plain.activations_gb
    assert checkpointed.step_flops > 1.05 * plain.step_flops
    assert checkpointed.forward_flops == plain.forward_flops


def test_the_outline_allocates_nothing() -> None:
    assert outline(published()).weight_bytes == pytest.approx(40_224_705 * 4, rel=0.01)
    assert outline(published()).checkpoint_levels == 5
    assert outline(small("vae")).checkpoint_levels == 0


@pytest.fixture
def reads(tmp_path: Path) -> Recipe:
    path = tmp_path / "reads.py"
    path.write_text(READS_VALUES)
    return Recipe("reads", {}, (64, 64, 64), (path,))


def test_a_method_that_reads_values_is_scaled_from_a_small_grid(reads: Recipe) -> None:
    from longibench.methods.method import REGISTRY

    found = footprint(reads, 1)
    REGISTRY.pop("reads", None)
    assert found is not None
    voxels = 64**3
    # output (4 channels), difference, square, and their gradients
    assert 10 * voxels * 4e-9 < found.activations_gb < 40 * voxels * 4e-9
    assert found.forward_flops == 2 * voxels * 27 * 4


REAL = """
import torch
from longibench.benchmark.training.pair_loader import pad_to_multiple
from longibench.benchmark.training.recipe import Recipe
from longibench.benchmark.settings.loading import load_settings
torch.set_num_threads(1)

def peak():  # kB; getrusage's peak includes that of the parent process
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))

settings = load_settings("demo", ["grid.shape=[64,80,64]", "methods.med-ddpm.patch=1"])
method = Recipe.of("med-ddpm", settings).build().to(memory_format=torch.channels_last_3d)
x = torch.zeros(2, 1, 64, 80, 64)
small = x[..., :16, :16, :16]
method.training_loss(small, small, torch.ones(2)).backward()  # libraries are loaded by now
before = peak()
method.training_loss(x, x, torch.ones(2)).backward()
print(peak() - before)
"""


@pytest.mark.slow
def test_it_agrees_with_the_memory_of_a_process() -> None:
    done = subprocess.run(
        [sys.executable, "-c", REAL], capture_output=True, text=True, check=True, cwd=Path.cwd()
    )
    real = int(done.stdout) * 1024e-9
    recipe = small("med-ddpm", "grid.shape=[64,80,64]", "methods.med-ddpm.patch=1")
    found = footprint(recipe, 2)
    assert found is not None
    assert found.activations_gb == pytest.approx(real, rel=0.2)
