"""Speed of checkpoints; run with ``pytest tests/speed --benchmark-only``.

The published Med-DDPM network with Adam's state (40 million weights, 480 MB), compared with
``torch.save`` and ``torch.load``, which neither check a digest nor write atomically.
"""

from pathlib import Path
from typing import Any

import pytest
import torch
from contenders import CASES
from pytest_benchmark.fixture import BenchmarkFixture

from longibench.benchmark.core.console import Console
from longibench.benchmark.training.checkpoints import Checkpoint, load_latest, save_checkpoint

ROUNDS = 3


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    method = CASES["published"][0].build()
    optimizer = method.optimizer(method.parameters(), 1e-4)
    for weight in method.parameters():
        weight.grad = torch.ones_like(weight)
    optimizer.step()
    return Checkpoint(1, method.state_dict(), {}, {"optimizers": [[optimizer.state_dict()]]}, [])


def plain(checkpoint: Checkpoint) -> dict[str, Any]:
    return {"weights": checkpoint.weights, "state": checkpoint.state}


@pytest.mark.benchmark(group="checkpoint of Med-DDPM: save")
def test_save(benchmark: BenchmarkFixture, checkpoint: Checkpoint, tmp_path: Path) -> None:
    benchmark.pedantic(save_checkpoint, args=(tmp_path, checkpoint), rounds=ROUNDS)


@pytest.mark.benchmark(group="checkpoint of Med-DDPM: save")
def test_save_by_torch(benchmark: BenchmarkFixture, checkpoint: Checkpoint, tmp_path: Path) -> None:
    benchmark.pedantic(torch.save, args=(plain(checkpoint), tmp_path / "plain.pt"), rounds=ROUNDS)


@pytest.mark.benchmark(group="checkpoint of Med-DDPM: load")
def test_load(benchmark: BenchmarkFixture, checkpoint: Checkpoint, tmp_path: Path) -> None:
    save_checkpoint(tmp_path, checkpoint)
    console = Console(quiet=True)
    loaded = benchmark.pedantic(load_latest, args=(tmp_path, console), rounds=ROUNDS)
    assert loaded is not None
    assert loaded.step == checkpoint.step


@pytest.mark.benchmark(group="checkpoint of Med-DDPM: load")
def test_load_by_torch(benchmark: BenchmarkFixture, checkpoint: Checkpoint, tmp_path: Path) -> None:
    torch.save(plain(checkpoint), tmp_path / "plain.pt")
    benchmark.pedantic(torch.load, args=(tmp_path / "plain.pt",), rounds=ROUNDS)
