"""Two processes against one: the same training, the same volumes, with every launcher."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rank_work
import torch
from torch import Tensor

from longibench.benchmark.core.console import Console
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.devices.fabric import launch, with_devices
from longibench.benchmark.evaluation.generate import (
    GenerationJob,
    generate,
    is_generated,
    missing_requests,
)
from longibench.benchmark.preparation.store.volumes import load_nifti
from longibench.benchmark.settings.loading import load_settings
from longibench.benchmark.settings.schema import (
    DeviceSettings,
    GenerationSettings,
    TrainingSettings,
)
from longibench.benchmark.training.checkpoints import load_latest
from longibench.benchmark.training.job import TrainingJob
from longibench.benchmark.training.loop import train
from longibench.benchmark.training.recipe import Recipe

ROOT = Path(__file__).parents[3]
ONE = DeviceSettings(accelerator="cpu", threads=1)
TWO = ONE.model_copy(update={"devices": 2})
SMALL = ("grid.shape=[16,20,16]", "methods.ours.unet.channels=[8,8,16]", "methods.ours.width=8")


def weights(job: TrainingJob) -> dict[str, Tensor]:
    found = load_latest(job.folder, Console(quiet=True))
    assert found is not None
    assert found.step == job.training.iterations
    return found.weights


@dataclass
class Jobs:
    """The same diffusion method by one process and by two, with the same pairs in every step."""

    one: TrainingJob
    two: TrainingJob


@pytest.fixture
def jobs(pairs: pd.DataFrame, tmp_path: Path) -> Jobs:
    recipe = Recipe.of("ours", load_settings("demo", SMALL))
    settings = TrainingSettings(iterations=50, batch_size=4)
    one = TrainingJob(recipe, settings, ONE, pairs, 0, tmp_path / "one", quiet=True)
    return Jobs(one, replace(one, device=TWO, folder=tmp_path / "two"))


@pytest.mark.slow
def test_two_processes_train_like_one(jobs: Jobs, tmp_path: Path) -> None:
    exact = {"precision": "64-true"}
    one, two = (
        replace(job, device=job.device.model_copy(update=exact)) for job in (jobs.one, jobs.two)
    )
    first, second = (
        replace(job, folder=tmp_path / f"float32-{number}")
        for number, job in enumerate((jobs.one, jobs.two))
    )
    train(one)
    launch(ONE, rank_work.first_gradient, first, tmp_path / "one.pt")

    def together() -> None:
        train(two)
        launch(TWO, rank_work.first_gradient, second, tmp_path / "two.pt")

    with_devices(TWO, together)
    after, expected = weights(two), weights(one)
    assert max(_difference(after[key], expected[key]) for key in expected) < 1e-7
    gradients, by_one = (torch.load(tmp_path / f"{name}.pt") for name in ("two", "one"))
    found, wanted = (
        torch.cat([part[key].flatten() for key in by_one]) for part in (gradients, by_one)
    )
    assert wanted.dtype == torch.float32
    assert float((found - wanted).norm() / wanted.norm()) < 1e-5


def test_one_process_trains_in_the_precision_of_the_settings(jobs: Jobs, tmp_path: Path) -> None:
    found = []
    for precision in ("32-true", "bf16-mixed"):
        device = ONE.model_copy(update={"precision": precision})
        once = jobs.one.training.model_copy(update={"iterations": 1})
        job = replace(jobs.one, training=once, device=device, folder=tmp_path / precision)
        train(job)
        found.append(weights(job))
    assert 0 < max(_difference(found[0][key], found[1][key]) for key in found[0]) < 0.1


def _difference(first: Tensor, second: Tensor) -> float:
    return float((first.double() - second.double()).abs().max())


def test_a_process_that_dies_in_generation_loses_only_its_own_batch(
    tiny: Path, pairs: pd.DataFrame, tmp_path: Path
) -> None:
    recipe = Recipe("tiny", {}, (16, 20, 16), (tiny,))
    model = tmp_path / "model"
    train(TrainingJob(recipe, TrainingSettings(iterations=1), ONE, pairs, 0, model, quiet=True))
    single = GenerationSettings(batch_size=1)
    job = GenerationJob(recipe, model, single, TWO, pairs, 0, tmp_path / "two", {}, quiet=True)
    with pytest.raises(UserError, match="another process of this run has ended"):
        launch(TWO, rank_work.generate_and_die, job)
    assert not is_generated(job.folder)
    assert 3 <= len(pairs) - len(missing_requests(job)) < len(pairs)
    generate(replace(job, device=ONE))
    whole = replace(job, device=ONE, folder=tmp_path / "one")
    generate(whole)
    assert volumes(job.folder).keys() == volumes(whole.folder).keys()
    assert _largest(job.folder, whole.folder) == 0


def volumes(folder: Path) -> dict[str, np.ndarray]:
    return {path.name: load_nifti(path).get_fdata() for path in folder.glob("*.nii.gz")}


def _largest(first: Path, second: Path) -> float:
    one, other = volumes(first), volumes(second)
    assert one.keys() == other.keys()
    return max(float(np.abs(one[name] - other[name]).max()) for name in one)


# ---- the command line ----

METHODS = ("ours", "tiny")
Start = Callable[[list[str]], list[subprocess.Popen[str]]]


def by_option(command: list[str]) -> list[subprocess.Popen[str]]:
    """``--devices 2``."""
    return [_start([sys.executable, *command, "--devices", "2"], {})]


def by_torchrun(command: list[str]) -> list[subprocess.Popen[str]]:
    """torchrun with two processes."""
    launcher = ["-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", _port()]
    return [_start([sys.executable, *launcher, *command], {})]


def by_slurm(command: list[str]) -> list[subprocess.Popen[str]]:
    """What ``srun --nodes 2 --ntasks-per-node 1`` starts, here all on this machine."""
    shared = {
        "SLURM_STEP_ID": "0", "SLURM_JOB_ID": "17", "SLURM_NTASKS": "2", "SLURM_NNODES": "2",
        "SLURM_STEP_NODELIST": "127.0.0.1", "SLURM_STEP_TASKS_PER_NODE": "1(x2)",
        "SLURM_LOCALID": "0", "MASTER_PORT": _port(),
    }  # fmt: skip
    return [
        _start([sys.executable, *command], {**shared, "SLURM_PROCID": rank, "SLURM_NODEID": rank})
        for rank in ("0", "1")
    ]


def _start(command: list[str], environment: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def _port() -> str:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return str(found.getsockname()[1])


@pytest.fixture(scope="module")
def fixed(tiny: Path, options: tuple[str, ...]) -> list[str]:
    """The command without workspace and launcher."""
    small = [part for setting in (*SMALL, "training.iterations=6") for part in ("--set", setting)]
    named = ["--methods", ",".join(METHODS), "--plugin", str(tiny)]
    return ["cli.py", "run", *named, *options, *small]


@pytest.fixture(scope="module")
def by_one(base: Path, fixed: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace in which one process has run the command."""
    root = Path(shutil.copytree(base, tmp_path_factory.mktemp("one") / "runs"))
    done = subprocess.run(
        [sys.executable, *fixed, "--workspace", str(root)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return root


@pytest.mark.slow
@pytest.mark.parametrize("start", [by_option, by_torchrun, by_slurm])
def test_the_command_line_makes_the_same_files(
    start: Start, by_one: Path, fixed: list[str], tmp_path: Path
) -> None:
    root = Path(shutil.copytree(by_one, tmp_path / "runs"))
    for path in [*root.glob("*/predictions/ours-*"), *root.glob("*/predictions/tiny-*")]:
        shutil.rmtree(path)
    (model,) = root.glob("models/ours-*")
    shutil.rmtree(model)  # the tiny method's batch normalisation differs on two CPUs
    running = start([*fixed, "--workspace", str(root)])
    printed = [process.communicate() for process in running]
    assert [process.returncode for process in running] == [0] * len(running), printed
    (table,) = root.glob("*/scores.csv")
    assert "".join(out for out, _ in printed).strip() == str(table)  # by rank 0 only
    assert (model / "trained.json").is_file()
    for folder in sorted(by_one.glob("*/predictions/[a-z]*-*/")):
        assert _largest(folder, root / folder.relative_to(by_one)) < 5e-5
    one, two = (pd.read_csv(place / table.relative_to(root)) for place in (by_one, root))
    keys = ["method", "metric", "role", "subject", "visit", "sample"]
    joined = one.merge(two, on=keys, suffixes=("", "_two"), validate="one_to_one")
    assert len(joined) == len(one) == len(two)
    np.testing.assert_allclose(joined["value_two"], joined["value"], rtol=1e-3, atol=1e-4)
