"""A cell: one method with one training seed under one protocol. Trained, drawn, scored, once."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.checkpoints import is_whole, read_final
from benchmark.console import Console
from benchmark.engine import count_processes, launch, machines
from benchmark.evaluation import Evaluator, Label, read_pairs
from benchmark.files import digest, write_text
from benchmark.generation import GenerationJob, generate, is_generated
from benchmark.loggers import require_loggers
from benchmark.measures import build_metrics
from benchmark.predictions import find_predictions
from benchmark.protocol import Protocol
from benchmark.recipe import Recipe
from benchmark.settings import MetricSettings, Settings
from benchmark.training import TrainingJob, train
from benchmark.validation import require_pairs
from benchmark.workspace import Workspace
from metrics.metric import Metric

if TYPE_CHECKING:
    from lightning_fabric import Fabric


@dataclass(frozen=True)
class Scoring:
    """How the cells of one protocol are scored: enough to build an evaluator in any process.

    Attributes:
        protocol: The protocol's folder.
        metrics: Which metrics.
        workers: Volumes scored side by side.
        plugins: Files with further metrics.
    """

    protocol: Path
    metrics: MetricSettings
    workers: int
    plugins: tuple[Path, ...]

    @property
    def workspace(self) -> Workspace:
        """Where the protocol lies."""
        return Workspace(self.protocol.parent)

    def evaluator(self, console: Console, metrics: Sequence[Metric] | None = None) -> Evaluator:
        """Read the pairs, and build the metrics where they are not at hand."""
        cache = self.workspace.measured
        if metrics is None:
            metrics = build_metrics(self.metrics, cache, self.plugins)
        return Evaluator(metrics, read_pairs(self.protocol), console, cache, self.workers)


@dataclass(frozen=True)
class Cell:
    """One method under one protocol with one seed: its jobs, folders and identity."""

    training: TrainingJob | None
    generation: GenerationJob
    label: Label
    scoring: Scoring
    name: str

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
        require_pairs(protocol.validation_pairs, training.validation)
        require_loggers(training.loggers)
        job = TrainingJob(
            recipe, training, settings.device, protocol.train_pairs, settings.seed,
            workspace.model(model), console.quiet, protocol.validation_pairs,
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
    return Cell(
        training=job,
        generation=generation,
        label=Label(protocol.name, split, recipe.name, made_by, settings.seed),
        scoring=Scoring(
            workspace.protocol(protocol.name),
            settings.metrics,
            settings.evaluation.workers,
            recipe.plugins,
        ),
        name=f"{name}, fold {settings.split.fold}" if settings.split.folds else name,
    )


def complete(
    cell: Cell, workspace: Workspace, evaluator: Evaluator, wait_seconds: float = 0
) -> None:
    """Train, generate and score what is missing of a cell.

    Args:
        cell: The cell.
        workspace: Where it lies.
        evaluator: Scores under the cell's protocol.
        wait_seconds: How long to wait for another process that writes the same.

    Raises:
        UserError: Anything that the user can mend; another process writes the same.
        Stopped: The process was asked to stop; what is finished is kept.
    """

    def once(done: Callable[[], bool], folder: Path, work: Callable[[], None]) -> None:
        if not done():
            with workspace.lock(folder, wait_seconds):
                if not done():  # whoever was waited for may have done it
                    work()

    def score() -> None:
        if count_processes(cell.generation.device) > 1:
            launch(cell.generation.device, _measure, cell)
        scores = evaluator.score(find_predictions(cell.folder), cell.label)
        write_text(cell.folder / "scores.csv", scores.to_csv(index=False))

    job = cell.training
    if job is not None:
        # a model that was damaged before its cell is finished is trained again
        once(
            lambda: cell.trained and (cell.scored or is_whole(job.folder)),
            job.folder,
            lambda: train(job),
        )
    once(lambda: cell.generated, cell.folder, lambda: generate(cell.generation))
    once(lambda: cell.scored, cell.folder, score)


def _measure(fabric: "Fabric", cell: Cell) -> None:
    """A process's share of a cell's volumes; the cores of a machine are divided."""
    here = fabric.world_size // machines(fabric)
    workers = cell.scoring.workers or max(1, (os.cpu_count() or 1) // here)
    scoring = replace(cell.scoring, workers=workers)
    evaluator = scoring.evaluator(Console(quiet=True))
    evaluator.measure(find_predictions(cell.folder), fabric.global_rank, fabric.world_size)
    fabric.barrier()
