"""A method that takes numbers from elsewhere than its seeds is refused before it has written."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from longibench.benchmark.core.errors import UserError
from longibench.benchmark.evaluation.generate import GenerationJob, generate
from longibench.benchmark.evaluation.repeatability import generate_twice
from longibench.benchmark.settings.schema import DeviceSettings, GenerationSettings
from longibench.benchmark.training.recipe import Recipe
from longibench.methods.method import REGISTRY
from longibench.methods.noise import SeededNoise

CPU = torch.device("cpu")

PLUGIN = """
import random
import numpy as np
import torch
from methods.method import Method
from methods.noise import SeededNoise

class Noisy(Method, name="noisy"):
    learns = False
    calls = 0

    def training_loss(self, source, target, interval_years):
        raise NotImplementedError

    def generate(self, source, interval_years, seeds):
        self.calls += 1
        return (source + 0.1 * {noise}).clamp(-1, 1)
"""
UNSEEDED = {
    "torch": "torch.randn_like(source)",
    "numpy": "torch.from_numpy(np.random.standard_normal(source.shape)).float()",
    "own generator of numpy": "float(np.random.default_rng().normal())",
    "python": "random.random()",
    "count of calls": "self.calls",
}


@pytest.fixture
def job(pairs: pd.DataFrame, tmp_path: Path) -> Iterator[Callable[[str], GenerationJob]]:
    def make(noise: str) -> GenerationJob:
        plugin = tmp_path / "noisy.py"
        plugin.write_text(PLUGIN.format(noise=noise))
        cpu, two = DeviceSettings(accelerator="cpu", threads=1), GenerationSettings(batch_size=2)
        recipe = Recipe("noisy", {}, (16, 20, 16), (plugin,))
        return GenerationJob(recipe, None, two, cpu, pairs, 0, tmp_path / "out", {}, quiet=True)

    yield make
    REGISTRY.pop("noisy", None)


@pytest.mark.parametrize("noise", UNSEEDED.values(), ids=UNSEEDED.keys())
def test_unseeded_noise_is_refused_before_anything_is_written(
    job: Callable[[str], GenerationJob], noise: str
) -> None:
    refused = job(noise)
    with pytest.raises(UserError, match=r"method 'noisy': generate called twice .*SeededNoise"):
        generate(refused)
    assert not list(refused.folder.glob("*"))


def test_seeded_noise_is_not_refused(job: Callable[[str], GenerationJob]) -> None:
    allowed = job("SeededNoise(seeds).like(source)")
    generate(allowed)
    calls = (len(allowed.pairs) + 1) // 2
    assert calls > 1
    assert len(list(allowed.folder.glob("*.nii.gz"))) == len(allowed.pairs)


def test_a_batch_is_generated_twice_in_all_and_its_first_volumes_count() -> None:
    made: list[Tensor] = []

    def once() -> Tensor:
        made.append(SeededNoise(torch.tensor([3])).like(torch.zeros(1, 4)))
        return made[-1]

    assert torch.equal(generate_twice("a", once, CPU, "float32"), made[0])
    assert len(made) == 2


def test_a_buffer_that_is_filled_again_is_compared_too() -> None:
    buffer = torch.zeros(4)
    with pytest.raises(UserError, match="differ by up to 1"):
        generate_twice("a", lambda: buffer.add_(1), CPU, "float32")


def test_the_global_generators_continue_where_they_were() -> None:
    def numbers() -> list[float]:
        return [random.random(), float(np.random.rand()), float(torch.rand(()))]

    random.seed(5), np.random.seed(5), torch.manual_seed(5)
    expected = numbers()
    random.seed(5), np.random.seed(5), torch.manual_seed(5)
    generate_twice("a", lambda: torch.zeros(1), CPU, "float32")
    assert numbers() == expected


@pytest.mark.parametrize(
    ("device", "arithmetic", "difference", "refused"),
    [
        ("cpu", "float32", 1e-6, True),
        ("cuda", "float32", 1e-6, False),
        ("cuda", "float32", 1e-2, True),
        ("cuda", "float32, TF32", 1e-2, False),
        ("cuda", "bf16 mixed", 0.1, True),
    ],
)
def test_the_tolerance_is_that_of_the_device(
    device: str, arithmetic: str, difference: float, refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = "longibench.benchmark.evaluation.repeatability._under"
    values = iter([torch.zeros(2), torch.tensor([0.0, difference])])
    monkeypatch.setattr(module, lambda *_: next(values))
    given = ("a", lambda: torch.zeros(2), torch.device(device), arithmetic)
    if refused:
        with pytest.raises(UserError):
            generate_twice(*given)
    else:
        generate_twice(*given)
