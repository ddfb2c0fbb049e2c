"""A cell: one method with one training seed under one protocol, trained, generated, scored once."""

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import astuple, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longibench.benchmark.core.checked_files import write_table
from longibench.benchmark.core.console import Console
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.files import FileState, digest, file_state
from longibench.benchmark.core.names import file_name_part
from longibench.benchmark.core.workspace import SCORES, LockedError, Workspace
from longibench.benchmark.devices.fabric import (
    arithmetic,
    count_processes,
    launch,
    machines,
    resolved,
)
from longibench.benchmark.evaluation.evaluate import Evaluator, Label, read_pairs
from longibench.benchmark.evaluation.generate import (
    GenerationJob,
    generate,
    is_generated,
    remove_damaged,
    volumes_exist,
)
from longibench.benchmark.evaluation.predictions import find_predictions
from longibench.benchmark.evaluation.score_checks import refuse_broken, without_broken
from longibench.benchmark.evaluation.score_table import (
    IDENTITY,
    known_scores,
    merge_scores,
    read_scores,
)
from longibench.benchmark.protocol.metric_identity import Identity, identify
from longibench.benchmark.protocol.pairs import has_truth
from longibench.benchmark.protocol.protocol import Protocol
from longibench.benchmark.protocol.protocol_metrics import build_metrics, computed_on
from longibench.benchmark.runs.reference_rows import measures_oracles
from longibench.benchmark.settings.schema import MetricSettings, Settings
from longibench.benchmark.training.checkpoints import (
    is_intact,
    read_final,
    reopen_if_damaged,
)
from longibench.benchmark.training.job import TrainingJob
from longibench.benchmark.training.loggers.loggers import require_loggers
from longibench.benchmark.training.loop import train
from longibench.benchmark.training.recipe import Recipe, code_of
from longibench.benchmark.training.validation import require_pairs
from longibench.methods.method import Method
from longibench.metrics.metric import Metric

if TYPE_CHECKING:
    from lightning_fabric import Fabric


@dataclass(frozen=True)
class Scoring:
    """How the cells of one protocol are scored: enough to build an evaluator in any process.

    Attributes:
        protocol: The protocol's folder.
        metrics: Settings of the metrics.
        identities: Their identities: a value may be reused if they are equal.
        workers: Volumes scored in parallel.
        plugins: Files with further metrics.
        accelerator: Device of the metrics' networks.
    """

    protocol: Path
    metrics: MetricSettings
    identities: tuple[Identity, ...]
    workers: int
    plugins: tuple[Path, ...]
    accelerator: str

    @property
    def workspace(self) -> Workspace:
        """The workspace of the protocol."""
        return Workspace(self.protocol.parent)

    def evaluator(self, console: Console, metrics: Sequence[Metric] | None = None) -> Evaluator:
        """Read the pairs, and build the metrics if they are not given."""
        cache = self.workspace.measured
        if metrics is None:
            metrics = build_metrics(self.metrics, cache, self.plugins, self.accelerator)
        every = Evaluator(metrics, read_pairs(self.protocol), console, cache, self.workers)
        return every.only([its.name for its in self.identities])

    def of_row(self, method: type[Method]) -> "Scoring":
        """The scoring of one method's row: an oracle is measured by few metrics."""
        if not method.oracle:
            return self
        return replace(
            self, identities=tuple(its for its in self.identities if measures_oracles(its.name))
        )


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
        """Folder of its predictions."""
        return self.generation.folder

    @property
    def trained(self) -> bool:
        """Whether nothing is left to train."""
        return self.training is None or read_final(self.training.folder) is not None

    @property
    def generated(self) -> bool:
        """Whether no volume is left to generate; those of a scored cell may have been deleted."""
        return is_generated(self.folder) and (self.scored or volumes_exist(self.generation))

    @property
    def scored(self) -> bool:
        """Whether the scores of all metrics exist, with today's definitions and code."""
        return not self.metrics_left

    @property
    def metrics_left(self) -> list[str]:
        """Names of the metrics that are not computed yet."""
        done = self.scored_as
        return [its.name for its in self.scoring.identities if astuple(its) not in done]

    @property
    def scored_as(self) -> frozenset[tuple[str, ...]]:
        """Name, definition and code of the metrics that have scores; empty before the first.

        A finished cell that lacks a metric needs only its volumes.
        """
        path = self.folder / SCORES
        return _identities_in(path, file_state(path)) if path.is_file() else frozenset()


@lru_cache(maxsize=1024)  # called several times a cell
def _identities_in(path: Path, _: FileState) -> frozenset[tuple[str, ...]]:
    """Identities in a score table; none in a damaged one, which is then computed again."""
    try:
        known = read_scores(path)[["metric", *IDENTITY]]
    except UserError:
        return frozenset()
    return frozenset(known.itertuples(index=False, name=None))


def make_cell(
    recipe: Recipe,
    settings: Settings,
    protocol: Protocol,
    workspace: Workspace,
    console: Console,
    scoring: Scoring,
) -> Cell:
    """The jobs and folders of one method; nothing is run."""
    made, trained = _what_determines(recipe, settings)
    made_by = digest(made)
    name = f"{recipe.name}-s{settings.seed}"
    run = f"{file_name_part(recipe.name)}-s{settings.seed}"
    model = f"{run}-{digest([trained, protocol.training])}" if recipe.method().learns else None
    info = {
        "method": recipe.name,
        "settings": made_by,
        "training_seed": settings.seed,
        "model": f"models/{model}" if model else None,
        "made_by": made,
    }
    generation = GenerationJob(
        recipe=recipe,
        model=workspace.model(model) if model else None,
        generation=settings.generation,
        device=resolved(settings.device),
        pairs=protocol.test_pairs,
        seed=settings.seed,
        folder=workspace.predictions(protocol.name, f"{run}-{made_by}"),
        info=info,
        quiet=console.quiet,
    )
    split = protocol.info["split"]["digest"]
    return Cell(
        training=_training_job(generation, settings, protocol) if model else None,
        generation=generation,
        label=Label(protocol.name, split, recipe.name, made_by, settings.seed),
        scoring=scoring.of_row(recipe.method()),
        name=f"{name}, fold {settings.split.fold}" if settings.split.folds else name,
    )


def _what_determines(recipe: Recipe, settings: Settings) -> tuple[dict[str, Any], dict[str, Any]]:
    """What determines a method's volumes and its trained weights, besides the data."""
    method, training = recipe.method(), recipe.training(settings)
    computes = method.evaluations != 0  # a copy, also a blurred one, has no precision
    how = {
        "training": training.identity() if method.learns else {},
        "precision": arithmetic(resolved(settings.device)) if computes else "",
    }
    made = {**recipe.describe(), **how, "samples": settings.generation.samples}
    return made, {**recipe.describe_training(), **how}


def _training_job(generation: GenerationJob, settings: Settings, protocol: Protocol) -> TrainingJob:
    """The training whose model generates."""
    assert generation.model is not None
    training = generation.recipe.training(settings)
    require_pairs(protocol.validation_pairs, training.validation)
    require_loggers(training.loggers)
    return TrainingJob(
        recipe=generation.recipe,
        training=training,
        device=generation.device,
        pairs=protocol.train_pairs,
        seed=generation.seed,
        folder=generation.model,
        quiet=generation.quiet,
        validation_pairs=protocol.validation_pairs,
    )


def scoring_of(
    settings: Settings, protocol: Protocol, workspace: Workspace, plugins: tuple[Path, ...]
) -> Scoring:
    """How all cells of a protocol are scored: the weights' digests are computed once."""
    accelerator = resolved(settings.device).accelerator
    computed = computed_on(settings.metrics, truth=has_truth(protocol.test_pairs))
    metrics = build_metrics(computed, None, plugins)
    return Scoring(
        workspace.protocol(protocol.name),
        computed,
        tuple(identify(metric) for metric in metrics),
        settings.evaluation.workers,
        plugins,
        accelerator,
    )


def remove_damage(cell: Cell, workspace: Workspace, console: Console) -> None:
    """Name and remove what has changed of a cell since it was written; it is then made again.

    A folder that another process writes to is left alone: that process has checked it.
    """
    if cell.training and (folder := cell.training.folder).is_dir():
        with suppress(LockedError), workspace.lock(folder):
            reopen_if_damaged(folder, console)
    if cell.folder.is_dir():
        with suppress(LockedError), workspace.lock(cell.folder):
            remove_damaged(cell.folder, console)


def complete(
    cell: Cell, workspace: Workspace, evaluator: Evaluator, wait_seconds: float = 0
) -> None:
    """Train, generate and score what a cell lacks.

    Args:
        cell: The cell.
        workspace: Its workspace.
        evaluator: Scores under the cell's protocol.
        wait_seconds: How long to wait for another process that writes the same files.

    Raises:
        UserError: Anything that the user can fix, or another process writes the same files.
        Stopped: The process got a signal to stop; finished work is kept.
    """

    def once(done: Callable[[], bool], folder: Path, work: Callable[[], None]) -> None:
        if not done():
            with workspace.lock(folder, wait_seconds):
                if not done():  # another process may have done it during the wait
                    work()

    def score() -> None:
        if count_processes(cell.generation.device) > 1:
            # Measured without TF32: values must not depend on the device.
            launch(cell.generation.device.model_copy(update={"tf32": False}), _measure, cell)
        chosen = evaluator.only(cell.metrics_left)
        new = chosen.score(find_predictions(cell.folder), cell.label)
        scores = merge_scores(known_scores(cell.folder), without_broken(new))
        write_table(cell.folder / SCORES, scores)
        refuse_broken(new)

    check_identity(cell, evaluator)
    job = cell.training
    if job is not None:
        # a model that is damaged and still needed is trained again
        once(
            lambda: cell.trained and (cell.generated or is_intact(job.folder)),
            job.folder,
            lambda: train(job),
        )
    once(lambda: cell.generated, cell.folder, lambda: generate(cell.generation))
    once(lambda: cell.scored, cell.folder, score)


def check_identity(cell: Cell, evaluator: Evaluator) -> None:
    """Check that this process has the code of the cell's name: it may have started later.

    Raises:
        UserError: A file of the method or of a metric has changed since the run was planned.
    """
    recipe = cell.generation.recipe
    planned = cell.generation.info["made_by"]["code"]
    changed = [recipe.name] if code_of(recipe.method()) != planned else []
    changed += [its.name for its in evaluator.identities if its not in cell.scoring.identities]
    if changed:
        raise UserError(
            f"{cell.name}: the code of {', '.join(changed)} has changed since the run was planned; "
            "start the same command again"
        )


def _measure(fabric: "Fabric", cell: Cell) -> None:
    """Measure this rank's share of a cell's volumes; ranks of a machine divide its cores."""
    here = fabric.world_size // machines(fabric)
    workers = cell.scoring.workers or max(1, (os.cpu_count() or 1) // here)
    scoring = replace(cell.scoring, workers=workers)
    evaluator = scoring.evaluator(Console(quiet=True)).only(cell.metrics_left)
    evaluator.measure(find_predictions(cell.folder), fabric.global_rank, fabric.world_size)
    fabric.barrier()
