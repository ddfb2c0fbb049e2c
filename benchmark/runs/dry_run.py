"""Estimate time and memory of a run on this device, from a few real steps of each of its parts.

The code of training, generation and scoring itself runs in a temporary folder, on some of the pairs
and with initial weights; the cost does not depend on what is learned.
"""

import json
import random
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch

from longibench.benchmark.core.console import Console
from longibench.benchmark.core.files import write_json
from longibench.benchmark.devices.fabric import count_processes, launch, peak_memory_gb
from longibench.benchmark.devices.timing import timed
from longibench.benchmark.evaluation.evaluate import Evaluator
from longibench.benchmark.evaluation.generate import RUN, generate, requests, write_volume
from longibench.benchmark.evaluation.predictions import find_predictions
from longibench.benchmark.preparation.store.volumes import read_volume
from longibench.benchmark.protocol.protocol_metrics import build_metrics
from longibench.benchmark.runs.cell import Cell
from longibench.benchmark.runs.time_estimate import Remaining
from longibench.benchmark.settings.schema import MetricSettings
from longibench.benchmark.training.job import TrainingJob
from longibench.benchmark.training.recipe import Recipe
from longibench.benchmark.training.trainer import Trainer

if TYPE_CHECKING:
    from lightning_fabric import Fabric

WARM_UP = 3  # steps; one if steps are slow
STEPS, SECONDS = 5, 3.0  # timed at least, of every stage
SLOW = 10.0  # seconds; a first step that takes longer is the measurement
FEW, MORE = 2, 10  # network evaluations a volume; the time of a volume is linear in them
SUBJECTS = 2  # at least, whose volumes are generated and scored


@dataclass(frozen=True)
class Estimate:
    """Estimated time and memory for the rest of a cell.

    Attributes:
        name: Method and training seed.
        plan: How a batch is divided; empty if nothing is trained.
        training: Seconds to train.
        generation: Seconds to generate, and to diagnose, which generates some volumes again.
        scoring: Seconds to score.
        memory_gb: Peak memory, in 1e9 bytes: of a GPU, or of the process on a CPU.
        steps: Iterations left.
        volumes: Volumes left to generate.
    """

    name: str
    plan: str
    training: float
    generation: float
    scoring: float
    memory_gb: float
    steps: int
    volumes: int

    @property
    def seconds(self) -> float:
        """Total time."""
        return self.training + self.generation + self.scoring


def estimate(
    cells: Sequence[tuple[Cell, Remaining]], metrics: MetricSettings, console: Console
) -> list[Estimate]:
    """Time a few steps of every cell; finished parts take no time. All files are temporary.

    Args:
        cells: Cells, each with its remaining work.
        metrics: Settings of the metrics.
        console: For progress.

    Raises:
        UserError: As the run itself would raise it.
    """
    with tempfile.TemporaryDirectory(prefix="longibench-dry-run-") as folder:
        trials = [
            _Trial(cell, step, metrics, Path(folder) / str(number), Path(folder) / "measured")
            for number, (cell, step) in enumerate(cells)
        ]
        return [trial.estimate(console) for trial in trials]


@dataclass(frozen=True)
class _Trial:
    """One cell in a temporary folder; trials share the features of real volumes."""

    cell: Cell
    step: Remaining
    metrics: MetricSettings
    folder: Path
    measured: Path

    def estimate(self, console: Console) -> Estimate:
        """Time the remaining work."""
        console.say(f"timing {self.step.name}")
        trained = self.train()
        generated = self.generate()
        scored = self.score()
        shutil.rmtree(self.folder, ignore_errors=True)
        return Estimate(
            name=self.step.name,
            plan=trained.get("plan", ""),
            training=trained.get("seconds", 0.0),
            generation=generated.get("seconds", 0.0),
            scoring=scored,
            memory_gb=max(generated.get("memory_gb", 0.0), trained.get("memory_gb", 0.0)),
            steps=self.step.iterations_left,
            volumes=self.step.volumes_left,
        )

    def train(self) -> dict[str, Any]:
        """Seconds, plan and memory of the training; empty if nothing is left to train."""
        if self.step.training is None or not self.step.iterations_left:
            return {}
        job = replace(self.step.training, folder=self.folder / "model", quiet=True)
        place = self.folder / "training.json"
        launch(job.device, _time_training, job, self.step.iterations_left, place)
        return dict(json.loads(place.read_text()))

    def generate(self) -> dict[str, Any]:
        """Seconds and memory of generation; empty if nothing is left to generate or score."""
        if self.step.scored:
            return {}
        self._generate(FEW, "warm-up")
        seconds, run = self._generate(MORE, "generated")
        volume, evaluations = run["seconds_per_volume"], _evaluations(self.step.generation.recipe)
        if evaluations > MORE:
            _, few = self._generate(FEW, "few")
            each = (volume - few["seconds_per_volume"]) / (MORE - FEW)
            volume += each * (evaluations - MORE)
        job, left = self.step.generation, self.step.volumes_left
        batch = job.generation.batch_size  # the first one is generated twice
        few_again = min(batch, len(requests(replace(job, pairs=self.pairs))))
        known = run["generate_seconds"] + few_again * run["seconds_per_volume"]
        # building, loading and the manifest; several devices share the volumes
        overhead = max(0.0, seconds - known) if left else 0.0
        processes = count_processes(job.device)
        again = min(batch, left) + self.step.volumes_of_diagnosis(evaluations)
        return {
            "seconds": overhead + (left / processes + again) * volume,
            "memory_gb": run["peak_memory_gb"],
        }

    def _make_plausible(self) -> None:
        """Replace the generated volumes by heads: without training, they show no head.

        They are the sources, a little darker: none equals a volume in the cache of values.
        """
        kept = 1 - random.uniform(0.01, 0.02)
        for request in requests(replace(self.step.generation, pairs=self.pairs)):
            volume = (torch.from_numpy(read_volume(request.source).copy()) + 1) * kept - 1
            write_volume(volume.squeeze(), request, self.folder / "generated")

    def _generate(self, evaluations: int, name: str) -> tuple[float, dict[str, Any]]:
        job = self.step.generation
        some = replace(
            job,
            recipe=_with_evaluations(job.recipe, evaluations),
            model=None,
            pairs=self.pairs,
            folder=self.folder / name,
            info={},
            quiet=True,
        )
        began = time.monotonic()
        generate(some)
        seconds = time.monotonic() - began
        return seconds, dict(json.loads((some.folder / RUN).read_text()))

    @property
    def pairs(self) -> pd.DataFrame:
        """Pairs of the first subjects: a batch of volumes or more."""
        job = self.step.generation
        count = max(SUBJECTS, job.generation.batch_size)
        first = job.pairs["subject"].drop_duplicates().head(count)
        return job.pairs[job.pairs["subject"].isin(first)].reset_index(drop=True)

    def score(self) -> float:
        """Seconds to score all volumes; real ones are measured only for the first cell."""
        if self.step.scored:
            return 0.0
        every, pairs = self.step.generation.pairs, self.pairs
        scoring = self.cell.scoring
        metrics = build_metrics(self.metrics, self.measured, scoring.plugins, scoring.accelerator)
        workers = scoring.workers
        evaluator = Evaluator(metrics, pairs, Console(quiet=True), self.measured, workers)
        evaluator = evaluator.only(self.step.metrics_left)
        self._make_plausible()
        began = time.monotonic()
        evaluator.score(find_predictions(self.folder / "generated"), self.cell.label)
        return (time.monotonic() - began) * len(every) / len(pairs)


def _time_training(fabric: "Fabric", job: TrainingJob, left: int, place: Path) -> None:
    """Time building, steps of every stage and checkpoints; write the estimate of the rest."""
    if fabric.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(fabric.device)
    building, trainer = timed(
        lambda: Trainer.start(fabric, job, Console(quiet=True)), fabric.device.type
    )
    try:
        begins, total = trainer.schedule.begins, job.training.iterations
        ends = [*begins[1:], total]
        steps = 0.0
        for begin, end in zip(begins, ends, strict=True):
            if end > total - left:
                steps += _seconds_per_step(trainer, begin) * (end - max(begin, total - left))
        saving, _ = timed(trainer.save, fabric.device.type)
    finally:
        trainer.accumulator.close()
    saves = -(-left // job.training.checkpoint_every)
    if fabric.is_global_zero:
        found = {
            "seconds": building + steps + saves * saving,
            "plan": trainer.accumulator.plan.describe(),
            "memory_gb": peak_memory_gb(fabric),
        }
        write_json(place, found)


def _seconds_per_step(trainer: Trainer, begin: int) -> float:
    """Mean seconds of the steps of a stage that begins at an iteration."""
    trainer.progress.step = begin

    def advance() -> float:
        seconds, _ = timed(trainer.advance, trainer.fabric.device.type)
        # all ranks take the same number of steps
        return float(trainer.fabric.broadcast(seconds))

    first = advance()
    if first > SLOW:
        return first
    for _ in range(WARM_UP - 1):
        advance()
    times: list[float] = []
    while len(times) < STEPS or sum(times) < SECONDS:
        times.append(advance())
    return sum(times) / len(times)


def _evaluations(recipe: Recipe) -> int:
    """Network evaluations a volume if the method has a sampler; else 1."""
    sampler = recipe.settings().sampler_settings()
    return sampler.steps if sampler else 1


def _with_evaluations(recipe: Recipe, most: int) -> Recipe:
    """The method with a limit on the evaluations of its sampler."""
    sampler = recipe.settings().sampler_settings()
    if sampler is None or sampler.steps <= most:
        return recipe
    return recipe.with_sampler(sampler.model_copy(update={"steps": most}))
