"""The main job: train, generate and score a matrix of cells, and do only what is missing."""

import platform
import subprocess
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from longibench.benchmark.core.checked_files import write_json
from longibench.benchmark.core.code_imports import HOME
from longibench.benchmark.core.command_line import typed
from longibench.benchmark.core.console import Console
from longibench.benchmark.core.damage import take_over
from longibench.benchmark.core.errors import unknown
from longibench.benchmark.core.workspace import PATIENCE, PROVENANCE, Workspace
from longibench.benchmark.devices.fabric import resolved_here
from longibench.benchmark.evaluation.evaluate import collect_scores
from longibench.benchmark.evaluation.score_checks import score_warnings
from longibench.benchmark.evaluation.score_table import read_scores
from longibench.benchmark.protocol.protocol import (
    Protocol,
    build_protocol,
    older_protocols,
    write_protocol,
)
from longibench.benchmark.protocol.protocol_metrics import build_metrics, load_extractors
from longibench.benchmark.protocol.recorded_metrics import (
    read_recorded,
    record_metrics,
    retired_metrics,
)
from longibench.benchmark.protocol.table_checks import open_cohorts
from longibench.benchmark.runs.cell import Cell, Scoring, make_cell, remove_damage, scoring_of
from longibench.benchmark.runs.checks import check_cohorts, check_run
from longibench.benchmark.runs.dry_run import Estimate, estimate
from longibench.benchmark.runs.forecast_rows import forecast_rows, score_forecasts
from longibench.benchmark.runs.launchers import in_process, ray
from longibench.benchmark.runs.matrix import Matrix
from longibench.benchmark.runs.reference_rows import (
    is_simulated,
    read_rows,
    seeds_of,
    with_truth_only,
)
from longibench.benchmark.runs.requested import record_request
from longibench.benchmark.runs.row_names import Naming, name_rows
from longibench.benchmark.runs.time_estimate import Remaining, show_plan
from longibench.benchmark.settings.schema import Settings
from longibench.benchmark.training.recipe import Recipe

LAUNCHERS = ("in-process", "ray", "slurm")
LIBRARIES = (
    "longibench",
    "torch",
    "monai",
    "lightning-fabric",
    "numpy",
    "scipy",
    "nibabel",
    "simpleitk",
    "deepbet",
    "dcm2niix",
    "nilearn",
)


def run(  # noqa: PLR0913 - the options of a run
    methods: list[str],
    settings: Settings,
    workspace: Workspace,
    console: Console,
    plugins: tuple[Path, ...] = (),
    matrix: Matrix | None = None,
    launcher: str = "in-process",
    naming: Naming = Naming(),  # noqa: B008 - frozen
) -> list[Path]:
    """Train, generate and score methods, with every training seed on every fold.

    The prepared cohort and the protocols, which cells share, are made here, before the first cell.

    Args:
        methods: Names of registered methods and of forecasts; other rows are added, see
            ``runs.reference_rows``.
        settings: The run's settings.
        workspace: Folder of all results; existing ones are reused.
        console: For the plan and progress.
        plugins: Files with further methods.
        matrix: Training seeds and folds; by default those of the settings.
        launcher: Where the cells run, ``in-process`` or ``ray``.
        naming: Names of the rows in tables.

    Returns:
        The score table of each protocol: one a fold.

    Raises:
        UserError: Anything that the user can fix.
        Stopped: By the user or the system; the same command continues.
    """
    matrix = matrix or Matrix()
    recipes, forecasts = read_rows(methods, settings, plugins)
    check_run(recipes, settings, matrix, cells_here=launcher != "ray")
    take_over(workspace.folders(), workspace.root, console)
    unresolved, on_ray = settings, launcher == "ray"
    device = ray.resolved(settings, console) if on_ray else resolved_here(settings.device)
    settings = settings.model_copy(update={"device": device})
    here = "cpu" if on_ray else device.accelerator
    metrics = build_metrics(settings.metrics, workspace.measured, plugins, here)
    planned = _plan_all(recipes, methods, settings, matrix, workspace, console, plugins)
    metrics = [metric for metric in metrics if metric.name in planned[0].scoring.metrics.names]
    cells = [cell for plan in planned for cell in plan.cells]
    for cell in cells:
        remove_damage(cell, workspace, console)
    _report_older([plan.protocol.name for plan in planned], workspace, console)
    left = {name for cell in cells for name in cell.metrics_left}
    load_extractors([metric for metric in metrics if metric.name in left])
    folds = {fold: plan.protocol.name for fold, plan in zip(matrix.folds, planned, strict=False)}
    for plan in planned:
        folder = write_protocol(plan.protocol, workspace, console)
        if sentence := retired_metrics(read_recorded(folder)):
            console.say(sentence)
        record_metrics(folder, metrics, settings.metrics)
        name_rows(folder, plan.cells, unresolved, naming)
        rows = forecast_rows(forecasts, plan.protocol, plan.scoring)
        record_request(folder, plan.cells, rows, folds)
        show_plan([_remaining(cell) for cell in plan.cells], plan.protocol, console)
    workspace.set_latest(planned[0].protocol.name)
    if on_ray:
        ray.launch(cells, settings, console)
    else:
        in_process.launch(cells, metrics, console)
    for plan in planned:
        score_forecasts(forecasts, plan.protocol, plan.scoring, console, metrics)
    return [_collected(plan, workspace, console) for plan in planned]


def _report_older(planned: list[str], workspace: Workspace, console: Console) -> None:
    """Report, once, results of an earlier version, which a run neither uses nor changes."""
    older = older_protocols(workspace)
    if older and not set(planned) & set(workspace.protocols()):
        console.say(
            f"{workspace.root} holds results of an earlier version of longibench "
            f"({', '.join(older)}): they are not changed ('report --protocol NAME' shows them), "
            "and this run adds its own"
        )


def dry_run(
    methods: list[str],
    settings: Settings,
    workspace: Workspace,
    console: Console,
    plugins: tuple[Path, ...] = (),
    matrix: Matrix | None = None,
) -> list[Estimate]:
    """Estimate time and memory of ``run``, one cell after another; only the cohort is prepared.

    Raises:
        UserError: As ``run`` would.
        Stopped: By the user or the system.
    """
    matrix = matrix or Matrix()
    recipes, _ = read_rows(methods, settings, plugins)
    check_run(recipes, settings, matrix)
    device = resolved_here(settings.device)
    settings = settings.model_copy(update={"device": device})
    load_extractors(build_metrics(settings.metrics, None, plugins, device.accelerator))
    planned = _plan_all(recipes, methods, settings, matrix, workspace, console, plugins)
    cells = [(cell, _remaining(cell)) for plan in planned for cell in plan.cells]
    return estimate(cells, planned[0].scoring.metrics, console)


@dataclass(frozen=True)
class _Planned:
    """One fold: its settings, protocol, how it is scored, and its cells."""

    settings: Settings
    protocol: Protocol
    scoring: Scoring
    cells: list[Cell]


def _plan_all(
    recipes: list[Recipe],
    asked: list[str],
    settings: Settings,
    matrix: Matrix,
    workspace: Workspace,
    console: Console,
    plugins: tuple[Path, ...],
) -> list[_Planned]:
    """Plan every fold; what tables decide of any of them is decided before a scan is opened."""
    cohorts = open_cohorts(settings, workspace, console)
    check_cohorts(recipes, cohorts, settings, matrix)
    recipes = with_truth_only(recipes, asked, settings, truth=is_simulated(cohorts, settings))
    planned = []
    for fold in matrix.by_fold(settings):
        protocol = build_protocol(fold, workspace, console, cohorts)
        scoring = scoring_of(fold, protocol, workspace, plugins)
        cells = [
            make_cell(recipe, of_seed, protocol, workspace, console, scoring)
            for recipe in recipes
            for of_seed in seeds_of(recipe, matrix.by_seed(fold))
        ]
        planned.append(_Planned(fold, protocol, scoring, cells))
    return planned


def _collected(planned: _Planned, workspace: Workspace, console: Console) -> Path:
    folder = workspace.protocol(planned.protocol.name)
    scores = collect_scores(folder)
    for warning in score_warnings(read_scores(scores)):
        console.warn(warning)
    with workspace.lock(folder / PROVENANCE, PATIENCE):
        write_json(folder / PROVENANCE, provenance(planned.settings))
    return scores


def _remaining(cell: Cell) -> Remaining:
    left = tuple(cell.metrics_left)
    return Remaining(cell.training, cell.generation, cell.trained, cell.generated, left)


def known_launcher(name: str) -> str:
    """The name of a launcher, as given.

    Raises:
        UserError: The name is unknown.
    """
    if name not in LAUNCHERS:
        raise unknown("launcher", name, LAUNCHERS)
    return name


def provenance(settings: Settings) -> dict[str, Any]:
    """Versions, machine, settings and command behind a protocol's last run."""
    return {
        "versions": {name: _version(name) for name in LIBRARIES},
        "python": platform.python_version(),
        "git": _git_commit(),
        "machine": f"{platform.machine()}, {platform.system()}",
        "threads": torch.get_num_threads(),
        "settings": settings.model_dump(mode="json"),
        "command": typed(sys.argv),
    }


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _git_commit() -> str:
    """Commit of the checkout, marked if files were changed; empty outside of a checkout."""
    if not (HOME / ".git").exists():  # installed, possibly inside of another repository
        return ""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        done = subprocess.run(command, cwd=HOME, capture_output=True, text=True, check=False)
    except OSError:  # no git here
        return ""
    return done.stdout.strip()
