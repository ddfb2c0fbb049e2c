"""A training in progress: its parts, one iteration, and its state on disk."""

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch
from torch import Tensor

from longibench.benchmark.core.checked_files import write_table
from longibench.benchmark.core.console import Console
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.seeds import derive_seed
from longibench.benchmark.core.workspace import COMPILED, LOSSES
from longibench.benchmark.devices.acceleration import accelerate, compile_networks, describe, fuse
from longibench.benchmark.devices.ddp import Losses
from longibench.benchmark.devices.energy import EnergyMeter, start_meter
from longibench.benchmark.devices.fabric import gpus_here, machines
from longibench.benchmark.training.accumulation import GradientAccumulator
from longibench.benchmark.training.checkpoints import Checkpoint, load_latest, save_checkpoint
from longibench.benchmark.training.ema import WeightAverage
from longibench.benchmark.training.job import TrainingJob
from longibench.benchmark.training.loss_curve import (
    LOG_EVERY,
    LOSS_COLUMNS,
    DivergedError,
    LossCurve,
)
from longibench.benchmark.training.memory_plan import available_gb, plan_memory
from longibench.benchmark.training.pair_loader import PairDataset
from longibench.benchmark.training.stages import StageSchedule
from longibench.methods.method import Method

if TYPE_CHECKING:
    from lightning_fabric import Fabric


@dataclass
class Progress:
    """Progress of a training.

    Attributes:
        attempt: Number of restarts from a checkpoint after divergence.
        step: Iterations done.
        seconds: Time spent in iterations, over all interruptions.
        seconds_per_step: In the window of the last row of the curve.
        energy_before: Joules until the training was last interrupted.
        validated: Rows of the validation loss so far.
        note: Shown next to the progress bar.
    """

    attempt: int = 0
    step: int = 0
    seconds: float = 0.0
    seconds_per_step: float = 0.0
    energy_before: float = 0.0
    validated: list[list[Any]] = field(default_factory=list)
    note: str = ""


@dataclass
class Trainer:
    """A training in progress: its parts and its progress."""

    fabric: "Fabric"
    job: TrainingJob
    method: Method
    schedule: StageSchedule
    optimizers: list[list[Any]]  # one an optimizer step, a list a stage
    average: WeightAverage
    accumulator: GradientAccumulator
    curve: LossCurve
    meter: EnergyMeter
    progress: Progress

    @classmethod
    def start(
        cls, fabric: "Fabric", job: TrainingJob, console: Console, attempt: int = 0
    ) -> "Trainer":
        """Build everything from the seed, then restore the newest checkpoint.

        Raises:
            UserError: An optimizer step has no parameters, or no micro-batch fits the memory.
        """
        torch.manual_seed(derive_seed("init", job.seed))
        method = accelerate(job.recipe.build(), job.device)
        schedule = StageSchedule.of(method, job.training.iterations)
        module, optimizers = _set_up(fabric, job, method, schedule)
        saved = load_latest(job.folder, console)
        attempt = max(attempt, saved.state["attempt"] if saved else 0)
        memory = available_gb(job.device)
        plan = plan_memory(job.recipe, job.training, job.device, memory, fabric.world_size)
        accumulator = GradientAccumulator(
            fabric, method, module,
            PairDataset(job.pairs, method.multiple),
            job.training.batch_size,
            derive_seed("restart", job.seed, attempt) if attempt else job.seed,
            job.training.workers,
            plan, console,
        )  # fmt: skip
        trainer = cls(
            fabric, job, method, schedule, optimizers,
            WeightAverage(method, job.training.ema), accumulator,
            LossCurve(job.training.divergence_factor),
            start_meter(fabric.device.type, gpus_here(fabric)), Progress(attempt),
        )  # fmt: skip
        if saved:
            trainer._restore(saved, console)
        accumulator.done = schedule.optimizer_steps_before(trainer.progress.step)
        accumulator.fit_all_ranks(schedule.optimizer_steps)
        compiled = compile_networks(
            method, accumulator.trial(), job.device, fabric.device, job.folder / COMPILED, console
        )
        console.say(f"  {describe(fabric, job.device, compiled)}; {accumulator.plan.describe()}")
        return trainer

    def advance(self) -> None:
        """One iteration: every optimizer step of the current stage, each on its own batch.

        Raises:
            DivergedError: A row of the curve is due, and shows divergence.
        """
        progress, began = self.progress, time.monotonic()
        stage = self.schedule.stage_at(progress.step)
        optimizer_steps = self.schedule.stages[stage].optimizer_steps
        if not self.method.training:
            self.accumulator.module.train()
        for optimizer_step, optimizer in zip(optimizer_steps, self.optimizers[stage], strict=True):
            self.curve.add(progress.step + 1, self.accumulator.step(optimizer_step, optimizer))
        progress.step += 1
        self.average.update(progress.step)
        losses = self._checked() if self.logs_now else []
        progress.seconds += time.monotonic() - began
        if losses:
            self._close_row(losses)

    def _close_row(self, losses: list[float]) -> None:
        progress = self.progress
        before = self.curve.rows[-1][3] if self.curve.rows else 0.0
        steps = progress.step % LOG_EVERY or LOG_EVERY
        progress.seconds_per_step = (progress.seconds - before) / steps
        loss = self.curve.close_row(self.stage_name, losses, progress.seconds)
        progress.note = f"loss {loss:.4f}"

    @property
    def logs_now(self) -> bool:
        """Whether a row of the curve is due after the last iteration."""
        step = self.progress.step
        return step % LOG_EVERY == 0 or step == self.job.training.iterations

    @property
    def stage_name(self) -> str:
        """Name of the stage of the last iteration."""
        return self.schedule.stages[self.schedule.stage_at(self.progress.step - 1)].name

    def _checked(self) -> list[float]:
        """Losses of the window, the mean over processes, after a check of losses and weights."""
        losses = self.curve.settle(self._mean_over_processes)
        self.curve.check(self.stage_name, losses)
        norm = torch.nn.utils.get_total_norm(list(self.method.parameters()))
        if not torch.isfinite(norm):
            raise DivergedError(self.progress.step, "a weight is not finite")
        return losses

    def _mean_over_processes(self, values: Tensor) -> Tensor:
        if self.fabric.world_size == 1:
            return values
        return self.fabric.all_reduce(values, reduce_op="mean")  # type: ignore[return-value]

    def save(self) -> None:
        """Write a checkpoint and the loss curve.

        Raises:
            DivergedError: What would be saved has diverged.
        """
        if self.curve.window:
            self._checked()
        if self.fabric.is_global_zero:
            save_checkpoint(self.job.folder, self._checkpoint(), self.job.training.keep)
            self.write_curve()
        self.fabric.barrier()

    def write_curve(self) -> None:
        """Write the loss curve so far."""
        curve = pd.DataFrame(self.curve.rows, columns=pd.Index(LOSS_COLUMNS))
        write_table(self.job.folder / LOSSES, curve)

    def _checkpoint(self) -> Checkpoint:
        return Checkpoint(
            step=self.progress.step,
            weights=self.method.state_dict(),
            average=self.average.weights,
            state={
                "optimizers": [[o.state_dict() for o in of_stage] for of_stage in self.optimizers],
                "seconds": self.progress.seconds,
                "energy_j": self.energy_j,
                "window": [(step, float(loss)) for step, loss in self.curve.window],
                "attempt": self.progress.attempt,
                "world_size": self.fabric.world_size,
                "device": self.fabric.device.type,
                "validation": self.progress.validated,
            },
            losses=self.curve.rows,
        )

    def _restore(self, saved: Checkpoint, console: Console) -> None:
        state, fabric = saved.state, self.fabric
        if (state["world_size"], state["device"]) != (fabric.world_size, fabric.device.type):
            console.warn(
                f"this training ran on {state['world_size']} x {state['device']} and continues on "
                f"{fabric.world_size} x {fabric.device.type}: pairs and noise are the same, but "
                "the rounding of sums differs, so the result is not equal bit for bit"
            )
        self.method.load_state_dict(saved.weights)
        self.average.load(saved.average)
        for of_stage, states in zip(self.optimizers, state["optimizers"], strict=True):
            for optimizer, its_state in zip(of_stage, states, strict=True):
                optimizer.load_state_dict(its_state)
                fuse(optimizer, self.job.device)
        self.curve.rows = saved.losses
        self.progress.step = saved.step
        self.progress.seconds = state["seconds"]
        self.progress.energy_before = state["energy_j"] or 0.0
        self.progress.validated = state["validation"]
        for step, loss in state["window"]:  # losses without a row so far
            self.curve.add(step, torch.tensor(loss, device=fabric.device))

    @property
    def energy_j(self) -> float | None:
        """Joules that the device used for the whole training; None if no driver reports them."""
        now = self.meter.joules()
        if now is None:
            return None
        return round(self.progress.energy_before + now * machines(self.fabric), 1)


def _set_up(
    fabric: "Fabric", job: TrainingJob, method: Method, schedule: StageSchedule
) -> tuple[Any, list[list[Any]]]:
    """The method's losses and its optimizers as Fabric wraps them, on their device."""
    if not all(its.parameters for its in schedule.optimizer_steps):
        raise UserError(
            f"method '{job.recipe.name}' has an optimizer step without parameters; a method that "
            "learns nothing sets 'learns = False'"
        )
    rate = job.training.learning_rate
    raw = [
        [fuse(method.optimizer(its.parameters, rate), job.device) for its in stage.optimizer_steps]
        for stage in schedule.stages
    ]
    module, *wrapped = fabric.setup(Losses(method), *[one for of_stage in raw for one in of_stage])
    remaining = iter(wrapped)
    return module, [[next(remaining) for _ in of_stage] for of_stage in raw]
