"""The main job: train, generate and score each method, doing only what is missing."""

import platform
import subprocess
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from benchmark.checkpoints import read_final
from benchmark.console import Console
from benchmark.errors import UserError
from benchmark.evaluation import Evaluator, Label, collect_scores, read_pairs
from benchmark.files import digest, write_json, write_text
from benchmark.generation import GenerationJob, generate, is_generated
from benchmark.measures import build_metrics, load_extractors
from benchmark.plan import Step, show_plan
from benchmark.predictions import find_predictions
from benchmark.protocol import Protocol, build_protocol, write_protocol
from benchmark.recipe import Recipe
from benchmark.settings import Settings
from benchmark.training import TrainingJob, train
from benchmark.workspace import Workspace

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


@dataclass(frozen=True)
class Cell:
    """One method under one protocol with one seed: its jobs, folders and identity."""

    training: TrainingJob | None
    generation: GenerationJob
    label: Label

    @property
    def folder(self) -> Path:
        """Where its predictions lie."""
        return self.generation.folder

    @property
    def trained(self) -> bool:
        """Whether there is nothing left to train."""
        return self.training is None or read_final(self.training.folder) is not None

    @property
    def generated(self) -> bool:
        """Whether all volumes are there."""
        return is_generated(self.folder)

    @property
    def scored(self) -> bool:
        """Whether its scores are there."""
        return (self.folder / "scores.csv").is_file()


def run(
    methods: list[str],
    settings: Settings,
    workspace: Workspace,
    console: Console,
    plugins: tuple[Path, ...] = (),
) -> Path:
    """Train, generate and score methods under one protocol.

    Args:
        methods: Names of registered methods.
        settings: The run's settings.
        workspace: Where everything lies; what is there already is not done again.
        console: For the plan and progress.
        plugins: Files with further methods.

    Returns:
        The protocol's score table.

    Raises:
        UserError: Anything that the user can mend.
        Stopped: By the user or the system; the same command continues.
    """
    recipes = _recipes(methods, settings, plugins)
    metrics = build_metrics(settings.metrics, workspace.measured, plugins)
    protocol = build_protocol(settings, workspace, console, plugins)
    cells = [make_cell(recipe, settings, protocol, workspace, console) for recipe in recipes]
    if not all(cell.scored for cell in cells):
        load_extractors(metrics)
    folder = write_protocol(protocol, workspace)
    workspace.set_latest(protocol.name)
    show_plan([_step(cell) for cell in cells], protocol, console)
    evaluator = Evaluator(
        metrics, read_pairs(folder), console, workspace.measured, settings.evaluation.workers
    )
    for cell in cells:
        complete(cell, workspace, evaluator)
    scores = collect_scores(folder)
    write_json(folder / "provenance.json", provenance(settings))
    return scores


def _recipes(methods: list[str], settings: Settings, plugins: tuple[Path, ...]) -> list[Recipe]:
    """Recipes of the methods asked for; the settings of all others are checked too."""
    if not methods:
        raise UserError("--methods: name at least one; see 'python cli.py methods'")
    recipes = {
        name: Recipe.of(name, settings, plugins)
        for name in dict.fromkeys([*methods, *settings.methods])
    }
    for name in recipes:
        settings.training_of(name)
    return [recipes[name] for name in dict.fromkeys(methods)]


def complete(cell: Cell, workspace: Workspace, evaluator: Evaluator) -> None:
    """Train, generate and score what is missing of a cell."""
    if cell.training is not None and not cell.trained:
        with workspace.lock(cell.training.folder):
            train(cell.training)
    if not cell.generated:
        with workspace.lock(cell.folder):
            generate(cell.generation)
    if not cell.scored:
        with workspace.lock(cell.folder):
            scores = evaluator.score(find_predictions(cell.folder), cell.label)
            write_text(cell.folder / "scores.csv", scores.to_csv(index=False))


def make_cell(
    recipe: Recipe, settings: Settings, protocol: Protocol, workspace: Workspace, console: Console
) -> Cell:
    """The jobs and folders of one method; nothing is done yet."""
    training = settings.training_of(recipe.name)
    learns = recipe.method().learns
    how = {
        "training": training.identity() if learns else {},
        "precision": settings.device.precision,
    }
    made_by = digest({**recipe.describe(), **how, "samples": settings.generation.samples})
    name = f"{recipe.name}-s{settings.seed}"
    trained_by = digest([{**recipe.describe_training(), **how}, protocol.training])
    model = f"{name}-{trained_by}" if learns else None
    job = None
    if model:
        job = TrainingJob(
            recipe, training, settings.device, protocol.train_pairs, settings.seed,
            workspace.model(model), console.quiet,
        )  # fmt: skip
    info = {
        "method": recipe.name,
        "settings": made_by,
        "training_seed": settings.seed,
        "model": f"models/{model}" if model else None,
    }
    generation = GenerationJob(
        recipe=recipe,
        model=workspace.model(model) if model else None,
        generation=settings.generation,
        device=settings.device,
        pairs=protocol.test_pairs,
        seed=settings.seed,
        folder=workspace.predictions(protocol.name, f"{name}-{made_by}"),
        info=info,
        quiet=console.quiet,
    )
    split = protocol.info["split"]["digest"]
    return Cell(job, generation, Label(protocol.name, split, recipe.name, made_by, settings.seed))


def _step(cell: Cell) -> Step:
    return Step(cell.training, cell.generation, cell.trained, cell.generated, cell.scored)


def provenance(settings: Settings) -> dict[str, Any]:
    """Versions, machine, settings and command behind a protocol's last run."""
    return {
        "versions": {name: _version(name) for name in LIBRARIES},
        "python": platform.python_version(),
        "git": _git_commit(),
        "machine": f"{platform.machine()}, {platform.system()}",
        "threads": torch.get_num_threads(),
        "settings": settings.model_dump(mode="json"),
        "command": " ".join(sys.argv),
    }


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _git_commit() -> str:
    """Commit of the checkout, with a mark where files were changed; empty outside of one."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    folder = Path(__file__).parent
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    except OSError:  # no git here
        return ""
    return done.stdout.strip()
