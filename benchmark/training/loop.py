"""Train one method: the loop, the same for all, resumable at every step."""

from typing import TYPE_CHECKING, Any

from longibench.benchmark.core.checked_files import write_json
from longibench.benchmark.core.console import Console
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.signals import Interruption, Stopped, interruptible
from longibench.benchmark.core.workspace import DIVERGED, SETTINGS
from longibench.benchmark.devices.fabric import device_name, launch, peak_memory_gb
from longibench.benchmark.devices.process_group import any_rank_interrupted
from longibench.benchmark.training.checkpoints import last_step, read_final, write_final
from longibench.benchmark.training.job import TrainingJob
from longibench.benchmark.training.loss_curve import DivergedError
from longibench.benchmark.training.monitor import Monitor, monitoring
from longibench.benchmark.training.throughput import training_costs
from longibench.benchmark.training.trainer import Trainer

if TYPE_CHECKING:
    from lightning_fabric import Fabric


def train(job: TrainingJob) -> None:
    """Train to the last iteration, from the folder's newest checkpoint if there is one.

    Raises:
        UserError: The loss diverged, memory does not suffice, or writing failed.
        Stopped: By the user or the system; the state at the last step is saved.
    """
    write_json(job.folder / SETTINGS, job.describe())
    launch(job.device, _train, job)
    if read_final(job.folder) is None:  # spawned processes stop without an error
        raise Stopped


def _train(fabric: "Fabric", job: TrainingJob) -> None:
    console = Console(quiet=job.quiet or fabric.global_rank > 0)
    attempt = 0
    while True:
        trainer = Trainer.start(fabric, job, console, attempt)
        try:
            _loop(trainer, console)
            break
        except DivergedError as error:
            _report_divergence(trainer, error, console)
            attempt = trainer.progress.attempt + 1
        finally:
            trainer.accumulator.close()
    if fabric.is_global_zero:
        write_final(job.folder, _summary(trainer))


def _loop(trainer: Trainer, console: Console) -> None:
    job, total = trainer.job, trainer.job.training.iterations
    label = f"train {job.recipe.name}"
    with (
        interruptible() as interruption,
        monitoring(trainer, console) as monitor,
        console.bar(label, total, done=trainer.progress.step) as bar,
    ):
        monitor.validate(trainer)  # resumed: a stop skips the validation, which takes minutes
        _restore_tables(trainer, monitor)
        while trainer.progress.step < total:
            trainer.advance()
            bar.advance(note=trainer.progress.note)
            stop = _stop_signal(trainer, interruption)
            if (
                stop
                or trainer.progress.step % job.training.checkpoint_every == 0
                or trainer.progress.step == total
            ):
                trainer.save()
            if stop and trainer.progress.step < total:
                raise Stopped(stop)
            monitor.after_iteration(trainer)


def _restore_tables(trainer: Trainer, monitor: Monitor) -> None:
    """Write the tables of a resumed training: they may be lost, the checkpoint holds their rows."""
    if trainer.progress.step and trainer.fabric.is_global_zero:
        trainer.write_curve()
        monitor.write(trainer)


def _stop_signal(trainer: Trainer, interruption: Interruption) -> int:
    """The stop signal, 0 for none; ranks agree only when a row is due: the message is slow."""
    if trainer.fabric.world_size == 1 or (trainer.logs_now and any_rank_interrupted(interruption)):
        return interruption.number
    return 0


def _report_divergence(trainer: Trainer, error: DivergedError, console: Console) -> None:
    """Record what diverged and where; return if the settings allow a restart.

    Raises:
        UserError: No restart is left.
    """
    job, step = trainer.job, error.step
    stage = trainer.schedule.stages[trainer.schedule.stage_at(step - 1)]
    first = trainer.schedule.optimizer_steps_before(step - 1)
    count = len(stage.optimizer_steps)
    rows = [i for n in range(first, first + count) for i in trainer.accumulator.pairs_of(n)]
    pairs = job.pairs.iloc[rows][["subject", "visit", "interval_years"]]
    kept = last_step(job.folder)
    if trainer.fabric.is_global_zero:
        found = {
            "step": step,
            "reason": error.reason,
            "attempt": trainer.progress.attempt,
            "kept": kept,
        }
        write_json(job.folder / DIVERGED, {**found, "pairs": pairs.to_dict("records")})
    named = ", ".join(f"{subject} {visit}" for subject, visit, _ in pairs.values.tolist())
    what = (
        f"{job.recipe.name}: {error.reason} at iteration {step} (pairs: {named}); the last good "
        f"checkpoint, iteration {kept}, in {job.folder} is kept"
    )
    if trainer.progress.attempt >= job.training.restarts:
        raise UserError(
            f"{what}. Try a lower training.learning_rate, or training.restarts=1 to continue from "
            "the checkpoint with other noise."
        )
    console.warn(f"{what}; continuing from it with other noise")


def _summary(trainer: Trainer) -> dict[str, Any]:
    """What the report lists about the cost of the training."""
    job, fabric = trainer.job, trainer.fabric
    pairs = job.training.batch_size // fabric.world_size
    each = trainer.progress.seconds / trainer.progress.step
    precision = fabric.strategy.precision.precision
    return {
        "iterations": trainer.progress.step,
        "seconds": round(trainer.progress.seconds, 1),
        "energy_j": trainer.energy_j,
        "peak_memory_gb": round(peak_memory_gb(fabric), 2),
        "device": device_name(fabric),
        "restarts": trainer.progress.attempt,
        **training_costs(job.recipe, pairs, each, fabric.device.type, precision),
    }
