"""Monitors a running training: loggers, validation loss, generated samples."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from longibench.benchmark.core.checked_files import write_table
from longibench.benchmark.core.console import Console
from longibench.benchmark.core.workspace import VALIDATION
from longibench.benchmark.training.loggers.loggers import Ending, Log, build_loggers
from longibench.benchmark.training.validation import VALIDATION_COLUMNS, Validation, choose_pairs

if TYPE_CHECKING:
    from longibench.benchmark.training.trainer import Trainer


@dataclass
class Monitor:
    """Logs and validates after every iteration; it does not change the training.

    Attributes:
        log: Where numbers go, on rank 0.
        validation: Evaluates the validation pairs; None if validation is off.
        rows: Rows of ``VALIDATION_COLUMNS``.
    """

    log: Log
    validation: Validation | None
    rows: list[list[Any]] = field(default_factory=list)

    def after_iteration(self, trainer: "Trainer") -> None:
        """Log the last iteration, and validate if that is due."""
        values = {}
        if trainer.logs_now:
            values = {
                "loss": trainer.curve.rows[-1][2],
                "seconds": trainer.progress.seconds,
                "seconds_per_step": trainer.progress.seconds_per_step,
                "learning_rate": trainer.job.training.learning_rate,
            }
        values |= self.validate(trainer)
        if values:
            self.log.scalars(trainer.progress.step, values)

    def validate(self, trainer: "Trainer") -> dict[str, float]:
        """Validate if that is due and not done before; returns losses by name."""
        validation, step = self.validation, trainer.progress.step
        if validation is None or not step or not validation.is_due(step):
            return {}
        if self.rows and self.rows[-1][1] == step:
            return {}
        stage = trainer.schedule.stages[trainer.schedule.stage_at(step - 1)]
        losses = validation.losses(stage.optimizer_steps)
        self.rows.append([stage.name, step, sum(losses.values()) / len(losses)])
        validation.draw(trainer.job.folder, step)
        self.write(trainer)
        return {f"validation_{name}": loss for name, loss in losses.items()}

    def write(self, trainer: "Trainer") -> None:
        """Write the validation losses so far, if there are any."""
        if self.rows and trainer.fabric.is_global_zero:
            table = pd.DataFrame(self.rows, columns=pd.Index(VALIDATION_COLUMNS))
            write_table(trainer.job.folder / VALIDATION, table)


@contextmanager
def monitoring(trainer: "Trainer", console: Console) -> Iterator[Monitor]:
    """Open loggers and validation for a trainer; closes them also after an error.

    Raises:
        UserError: A logger cannot be opened, or there is nothing to validate on.
    """
    job, settings = trainer.job, trainer.job.training.validation
    validation = None
    if settings.every:
        pairs = choose_pairs(job.validation_pairs, settings)
        batch = trainer.accumulator.plan.micro_batch
        validation = Validation(
            trainer.fabric,
            trainer.method,
            trainer.average.weights,
            pairs,
            settings,
            job.seed,
            batch,
        )
    loggers = []
    if trainer.fabric.is_global_zero:
        names, name = job.training.loggers, job.folder.name
        loggers = build_loggers(names, job.folder, name, job.describe(), trainer.progress.step)
    log = Log(loggers, console)
    ending: Ending = "failed"
    try:
        yield Monitor(log, validation, trainer.progress.validated)
        ending = "success"
    except KeyboardInterrupt:
        ending = "interrupted"
        raise
    finally:
        log.close(ending)
