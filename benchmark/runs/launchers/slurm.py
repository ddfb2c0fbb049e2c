"""Write cells as a SLURM array: a plain script, one cell an index. Nothing is submitted."""

import math
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from longibench.benchmark.core.files import digest, write_text
from longibench.benchmark.core.names import check_text, file_name_part
from longibench.benchmark.core.signals import RESUMABLE
from longibench.benchmark.core.workspace import Workspace
from longibench.benchmark.runs.checks import check_array
from longibench.benchmark.runs.matrix import Matrix
from longibench.benchmark.runs.reference_rows import (
    read_rows,
    seeds_of,
    simulates_truth,
    with_truth_only,
)
from longibench.benchmark.settings.schema import Settings

SET = "--set="  # beginning of the options that give settings
ALONE = f"{SET}reference_rows=false"  # they are cells of their own
OF_COHORTS = (f"{SET}cohort=", f"{SET}test_cohort=")  # each cohort is prepared as itself
PROGRAM = [sys.executable, str(Path(__file__).parents[3] / "cli.py")]

# outside of SLURM, a cell runs without srun
BODY = """set -u
cd {place}
step={step}
command -v srun >/dev/null || step=
{setup}
case "$SLURM_ARRAY_TASK_ID" in
{cells}
*) echo "there is no cell $SLURM_ARRAY_TASK_ID" >&2; exit 2 ;;
esac
status=$?
# stopped by a signal, the cell has saved: it continues when it is queued again
if [ "$status" -eq {resumable} ] && command -v scontrol >/dev/null; then
  scontrol requeue "$SLURM_JOB_ID"
fi
exit "$status"
"""

PREPARATION = """set -eu
cd {place}
{setup}
{commands}
"""


def write_array(
    methods: list[str],
    settings: Settings,
    matrix: Matrix,
    workspace: Workspace,
    options: Sequence[str],
    plugins: tuple[Path, ...] = (),
    label: str | None = None,
) -> str:
    """Write ``slurm/<name>.sh``, an array of one index a cell, and the script that prepares scans.

    Args:
        methods: Names of registered methods.
        settings: The run's settings.
        matrix: Training seeds and folds.
        workspace: Folder of the scripts and of their results.
        options: Options of the command line that gave the settings.
        plugins: Files with further methods.
        label: Label of the rows in tables.

    Returns:
        The shell command that submits both.

    Raises:
        UserError: An unknown method or fold, tables for which every job would be refused, or the
            scripts cannot be written.
    """
    labelled = [] if label is None else ["--label", label]
    every, forecasts = read_rows(methods, settings, plugins)
    recipes = with_truth_only(every, methods, settings, truth=simulates_truth(settings))
    check_array(recipes, settings, matrix, workspace)
    given = [*options, ALONE, *_plugins(plugins), *labelled]
    cells = [
        _cell(recipe.name, one, given, workspace)
        for fold in matrix.by_fold(settings)
        for recipe in recipes
        for one in seeds_of(recipe, matrix.by_seed(fold))
    ]
    if forecasts:  # one cell a fold: they share what they measure
        together = ",".join(forecasts)
        cells += [_cell(together, fold, given, workspace) for fold in matrix.by_fold(settings)]
    cohorts = [settings.cohort, *([settings.test_cohort] if settings.test_cohort else [])]
    others = [option for option in options if not option.startswith(OF_COHORTS)]
    commands = [_command("prepare", [cohort, *others], workspace) for cohort in cohorts]
    name = f"{file_name_part(settings.preset)}-{digest([cells, settings.slurm.model_dump()])}"
    folder = workspace.root / "slurm"
    first, array = folder / f"{name}-prepare.sh", folder / f"{name}.sh"
    write_text(first, _head(f"{name}-prepare", settings, folder) + _preparation(commands, settings))
    write_text(array, _head(name, settings, folder, len(cells)) + _body(cells, settings))
    return (
        f"sbatch --dependency=afterok:$(sbatch --parsable {shlex.quote(str(first))}) "
        f"{shlex.quote(str(array))}"
    )


def _cell(method: str, settings: Settings, options: list[str], workspace: Workspace) -> str:
    own = ["--methods", method, "--seeds", str(settings.seed)]
    fold = ["--folds", str(settings.split.fold)] if settings.split.folds else []
    return _command("run", [*own, *fold, *options], workspace)


def _command(name: str, arguments: Sequence[str], workspace: Workspace) -> str:
    return shlex.join([*PROGRAM, name, *arguments, "--workspace", str(workspace.root), "--quiet"])


def _plugins(plugins: Sequence[Path]) -> list[str]:
    return [word for plugin in plugins for word in ("--plugin", str(plugin))]


def _head(name: str, settings: Settings, folder: Path, cells: int = 0) -> str:
    """The lines that SLURM reads; an array if there are cells, else a single job."""
    slurm, device = settings.slurm, settings.device
    given = {
        "job-name": name,
        "time": str(math.ceil(60 * slurm.hours)),  # minutes
        "partition": slurm.partition,
        "mem": f"{slurm.memory_gb}G" if slurm.memory_gb else "",
        "cpus-per-task": str(slurm.cpus) if slurm.cpus else "",
        "output": str(folder.resolve() / f"{name}.log"),
    }
    if cells:
        most = f"%{slurm.at_once}" if slurm.at_once else ""
        given |= {
            "array": f"0-{cells - 1}{most}",
            "output": str(folder.resolve() / f"{name}-%a.log"),
            "nodes": str(device.num_nodes),
            "ntasks-per-node": str(device.devices),
            "gres": slurm.gres,
            "signal": f"USR1@{slurm.warning}",  # to the steps, not to this script
        }
    for key, value in given.items():  # a line break would end the comment that SLURM reads
        check_text(value, "value", f"slurm, --{key}")
    options = [f"--{key}={shlex.quote(value)}" for key, value in given.items() if value]
    options += ["--requeue", "--open-mode=append", *slurm.extra]
    return "\n".join(["#!/bin/bash", *(f"#SBATCH {option}" for option in options), ""])


def _body(cells: list[str], settings: Settings) -> str:
    cpus = f" --cpus-per-task={settings.slurm.cpus}" if settings.slurm.cpus else ""
    return BODY.format(
        place=shlex.quote(str(Path.cwd())),
        step=shlex.quote(f"srun{cpus}"),  # srun does not use the script's value
        setup="\n".join(settings.slurm.setup),
        cells="\n".join(f"{index}) $step {cell} ;;" for index, cell in enumerate(cells)),
        resumable=RESUMABLE,
    )


def _preparation(commands: list[str], settings: Settings) -> str:
    return PREPARATION.format(
        place=shlex.quote(str(Path.cwd())),
        setup="\n".join(settings.slurm.setup),
        commands="\n".join(commands),
    )
