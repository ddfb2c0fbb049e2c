"""The scripts of an array, run in bash without SLURM."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.workspace import Workspace
from longibench.benchmark.runs.launchers import slurm
from longibench.benchmark.runs.launchers.slurm import write_array
from longibench.benchmark.runs.matrix import Matrix
from longibench.benchmark.settings.loading import load_settings

Cli = Callable[..., Any]
QUEUE = (
    "slurm.partition=long",
    "slurm.gres=gpu:4",
    "slurm.at_once=3",
    "slurm.hours=1.5",
    "slurm.memory_gb=64",
    "slurm.cpus=8",
    "slurm.extra=[--account=mine]",
    "slurm.setup=[module load cuda]",
    "device.devices=4",
    "device.num_nodes=2",
)


def scripts(submit: str) -> tuple[Path, Path]:
    """The script that prepares, and the array's, from the command that submits both."""
    found = re.fullmatch(r"sbatch --dependency=afterok:\$\(sbatch --parsable (\S+)\) (\S+)", submit)
    assert found
    return Path(found[1]), Path(found[2])


def in_bash(script: Path, path: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a script with further variables, and with ``path`` first in the search path."""
    given = {name: value for name, value in os.environ.items() if not name.startswith("SLURM")}
    given["PATH"] = os.pathsep.join(filter(None, [path, given["PATH"]]))
    command = ["bash", str(script)]
    return subprocess.run(command, env=given | environment, capture_output=True, text=True)


def test_the_head_has_the_resources_and_the_body_one_command_a_cell(tmp_path: Path) -> None:
    overrides = [*QUEUE, "split.folds=2", "cohort=bids:/data/my study", "reference_rows=false"]
    settings = load_settings("demo", overrides)
    options = ["--preset", "demo", *(f"--set={value}" for value in overrides)]
    matrix = Matrix.parse("0,1", "all", settings)
    submit = write_array(["vae", "med-ddpm"], settings, matrix, Workspace(tmp_path), options)
    preparation, array = scripts(submit)
    text = array.read_text()
    head = {line.removeprefix("#SBATCH ") for line in text.splitlines() if "#SBATCH" in line}
    assert head >= {
        "--array=0-7%3",
        "--partition=long",
        "--gres=gpu:4",
        "--nodes=2",
        "--time=90",
        "--mem=64G",
        "--ntasks-per-node=4",
        "--cpus-per-task=8",
        "--signal=USR1@300",
        "--requeue",
        "--account=mine",
    }
    assert "\nmodule load cuda\n" in text
    assert "srun --cpus-per-task=8" in text
    assert "7) $step" in text
    assert "run --methods med-ddpm --seeds 1 --folds 1 --preset demo" in text
    assert "'--set=cohort=bids:/data/my study'" in text
    assert "prepare 'bids:/data/my study' --preset demo" in preparation.read_text()
    assert "--array" not in preparation.read_text()
    for script in (preparation, array):
        assert subprocess.run(["bash", "-n", str(script)]).returncode == 0


def test_nothing_is_written_for_unknown_methods_and_folds(tmp_path: Path) -> None:
    settings = load_settings("demo", ["split.folds=2"])
    for methods, matrix in ((["vea"], Matrix()), (["vae"], Matrix(folds=(2,)))):
        with pytest.raises(UserError):
            write_array(methods, settings, matrix, Workspace(tmp_path), [])
    assert not list(tmp_path.iterdir())


def test_no_name_adds_a_line_to_a_script(tmp_path: Path) -> None:
    settings = load_settings("demo").model_copy(update={"preset": "a b\ntouch x"})
    preparation, array = scripts(write_array(["vae"], settings, Matrix(), Workspace(tmp_path), []))
    assert preparation.parent == array.parent == tmp_path / "slurm"
    assert not [line for line in array.read_text().splitlines() if line.startswith("touch")]
    place = Workspace(tmp_path / "c\ntouch x")
    with pytest.raises(UserError, match=r"slurm, --output: .* contains the control character"):
        write_array(["vae"], load_settings("demo"), Matrix(), place, [])
    assert not place.root.exists()


@pytest.mark.parametrize(("status", "requeued"), [(0, False), (2, False), (75, True)])
def test_a_cell_that_was_stopped_is_queued_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, requeued: bool
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name, body in {
        "cell": f"exit {status}",
        "srun": 'echo srun >> "$CALLS"; "$@"',
        "scontrol": 'echo scontrol "$@" >> "$CALLS"',
    }.items():
        (tools / name).write_text(f"#!/bin/sh\n{body}\n")
        (tools / name).chmod(0o755)
    monkeypatch.setattr(slurm, "PROGRAM", [str(tools / "cell")])
    settings = load_settings("demo", ["reference_rows=false"])
    _, array = scripts(write_array(["vae"], settings, Matrix(), Workspace(tmp_path / "runs"), []))
    calls = tmp_path / "calls"
    given = {"SLURM_ARRAY_TASK_ID": "0", "SLURM_JOB_ID": "71", "CALLS": str(calls)}
    assert in_bash(array, str(tools), **given).returncode == status
    assert calls.read_text().split("\n")[:-1] == ["srun", *["scontrol requeue 71"] * requeued]
    assert in_bash(array, str(tools), **given | {"SLURM_ARRAY_TASK_ID": "1"}).returncode == 2


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("srun") is not None, reason="SLURM is here: cells would queue")
def test_the_cells_of_an_array_equal_those_of_one_process(
    cli: Cli,
    many: Any,
    options: tuple[str, ...],
    tmp_path: Path,
    read_sorted: Callable[[Path], pd.DataFrame],
) -> None:
    given = ["run", "--methods", "one", "--seeds", "0,1", "--plugin", many.file, *options]
    written = cli(*given, "--launcher", "slurm", "--workspace", tmp_path / "array")
    assert written.code == 0, written.err
    preparation, array = scripts(written.out.strip())
    assert not list((tmp_path / "array").glob("models"))  # nothing was run
    assert in_bash(preparation).returncode == 0
    assert list((tmp_path / "array" / "prepared").rglob("*.nii"))
    tables = set()
    for index in "01":
        done = in_bash(array, SLURM_ARRAY_TASK_ID=index)
        assert done.returncode == 0, done.stderr
        tables.add(done.stdout.strip())
    assert sys.executable in array.read_text()
    (table,) = tables
    alone = cli(*given, "--workspace", tmp_path / "alone")
    assert alone.code == 0, alone.err
    pd.testing.assert_frame_equal(read_sorted(Path(table)), read_sorted(Path(alone.out.strip())))


def test_each_cohort_is_prepared_as_itself(cli: Cli, tmp_path: Path) -> None:
    """Options that name the run's cohort would prepare it twice, and the test cohort never."""
    cohorts = ["--cohort", "bids:/data/a", "--test-cohort", "bids:/data/b"]
    place = ["--workspace", tmp_path, "--launcher", "slurm"]
    assert cli("run", "--methods", "copy-source", *cohorts, *place).code == 0
    (script,) = tmp_path.glob("slurm/*-prepare.sh")
    commands = [line for line in script.read_text().splitlines() if " prepare bids:" in line]
    assert [line.split(" prepare ")[1].split()[0] for line in commands] == [
        "bids:/data/a",
        "bids:/data/b",
    ]
    assert not any("--set=cohort=" in line for line in commands)
