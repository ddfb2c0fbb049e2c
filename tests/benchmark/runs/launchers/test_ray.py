"""Cells on a real Ray cluster of two workers on this machine."""

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from longibench.benchmark.core.console import Console
from longibench.benchmark.devices import fabric
from longibench.benchmark.runs.launchers.ray import ENVIRONMENT, resolved
from longibench.benchmark.settings.loading import load_settings

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'longibench[ray]'")

pytestmark = pytest.mark.slow

Cli = Callable[..., Any]
ITERATIONS, CELLS_A_METHOD = 12, 2


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """Two workers, like two machines that share a disk."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        ray.init(num_cpus=2, address="local", include_dashboard=False, log_to_driver=False)
        yield
        ray.shutdown()


@pytest.fixture
def matrix(many: Any, options: tuple[str, ...], workspace: Path) -> list[object]:
    """Three methods and two seeds, in the workspace."""
    given = ["run", "--methods", "one,two,three", "--seeds", "0,1", "--plugin", many.file]
    return [*given, "--workspace", workspace, *options]


def calls_of_workers(many: Any) -> Counter[tuple[str, str]]:
    """Number of calls in the workers; the driver times a step of each method beforehand."""
    return Counter((name, what) for name, what, pid in many.did() if pid != os.getpid())


def test_a_worker_is_killed_and_every_cell_is_done_once(
    cluster: None,
    cli: Cli,
    many: Any,
    matrix: list[object],
    tmp_path: Path,
    read_sorted: Callable[[Path], pd.DataFrame],
) -> None:
    many.do("two SIGKILL")
    result = cli(*matrix, "--launcher", "ray")
    assert result.code == 0, result.err
    did = calls_of_workers(many)
    assert len({pid for _, _, pid in many.did()}) == 1 + 3  # the driver, two workers, and a new one
    for name in ("one", "three"):
        assert did[name, "step"] == CELLS_A_METHOD * ITERATIONS
    again = did["two", "step"] - CELLS_A_METHOD * ITERATIONS
    assert 0 < again <= 3  # it continued from the checkpoint at iteration 6
    table = Path(result.out.strip())
    assert len(list(table.parent.glob("predictions/*/scores.csv"))) == 6 + 1
    many.do("nobody nothing")
    assert cli(*matrix, "--launcher", "ray").code == 0
    assert not calls_of_workers(many)  # nothing is submitted
    alone = cli(*matrix, "--workspace", tmp_path / "alone")
    assert alone.code == 0, alone.err
    scores = read_sorted(table)
    cells = scores[scores["method"] != "copy-source"].reset_index(drop=True)
    pd.testing.assert_frame_equal(cells, read_sorted(Path(alone.out.strip())))
    generated = Counter(name for name, what, _ in many.did() if what == "generate")
    assert all(did[name, "generate"] == generated[name] for name in generated)


def test_a_cell_that_fails_is_reported_when_the_others_are_finished(
    cluster: None, cli: Cli, many: Any, matrix: list[object], workspace: Path
) -> None:
    many.do("one nan")
    result = cli(*matrix, "--launcher", "ray")
    assert result.code == 2
    assert result.out == ""
    assert "2 of 6 cells failed" in result.err
    assert "one-s0: one: " in result.err
    assert "the loss is nan" in result.err
    assert len(list(workspace.glob("*/predictions/t*/scores.csv"))) == 4
    many.do("nobody nothing")
    assert cli(*matrix, "--launcher", "ray").code == 0
    assert set(calls_of_workers(many)) == {("one", "step"), ("one", "generate")}


def test_a_worker_that_gets_a_signal_saves_and_another_continues(
    cluster: None, cli: Cli, many: Any, matrix: list[object]
) -> None:
    many.do("three SIGTERM")
    result = cli(*matrix, "--launcher", "ray")
    assert result.code == 0, result.err
    did = calls_of_workers(many)
    assert all(did[name, "step"] == CELLS_A_METHOD * ITERATIONS for name in ("one", "two", "three"))


def test_auto_is_resolved_on_a_machine_of_the_running_cluster(
    cluster: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not on the driver: here it appears to have a GPU, and the workers have none."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: True)
    settings = load_settings("demo")
    assert fabric.resolved(settings.device).accelerator == "cuda"
    found = resolved(settings, Console(quiet=True))
    assert (found.accelerator, found.precision) == ("cpu", "32-true")
    assert ray.is_initialized()  # a cluster that was running is not shut down


def test_without_a_running_cluster_auto_is_resolved_here(monkeypatch: pytest.MonkeyPatch) -> None:
    class NoCluster:
        """Ray without a running cluster."""

        @staticmethod
        def is_initialized() -> bool:
            return False

        @staticmethod
        def init(address: str, **how: object) -> None:
            raise ConnectionError(f"nothing at {address}")

    monkeypatch.setitem(sys.modules, "ray", NoCluster)
    settings = load_settings("demo")
    assert resolved(settings, Console(quiet=True)) == fabric.resolved(settings.device)
