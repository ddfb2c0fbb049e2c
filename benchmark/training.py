"""Train one method: the loop, the same for all, resumable at every step."""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch
from torch import Tensor

from benchmark.acceleration import accelerate
from benchmark.checkpoints import (
    Checkpoint,
    load_latest,
    read_final,
    save_checkpoint,
    write_final,
)
from benchmark.console import Console
from benchmark.data import Pair, PairDataset, ShuffledBatches, training_batches
from benchmark.ema import WeightAverage
from benchmark.energy import EnergyMeter, start_meter
from benchmark.engine import device_name, interruptible, launch, peak_memory_gb
from benchmark.errors import UserError
from benchmark.files import write_json, write_text
from benchmark.recipe import Recipe
from benchmark.seeds import derive_seed
from benchmark.settings import DeviceSettings, TrainingSettings
from methods.method import Method, Stage, Turn

if TYPE_CHECKING:
    from lightning_fabric import Fabric

LOG_EVERY = 10  # steps a row of the loss curve; reading a loss more often would stall a GPU
SETTINGS = "settings.json"  # beside the checkpoints, which it explains
LOSS_COLUMNS = ("stage", "step", "loss", "seconds")


@dataclass(frozen=True)
class TrainingJob:
    """What a training is determined by, and where it goes.

    Attributes:
        recipe: The method and its settings.
        training: Iterations, batch size and so on.
        device: Where to run.
        pairs: Training pairs.
        seed: Run seed.
        folder: Where checkpoints and losses go.
        quiet: Show no progress.
    """

    recipe: Recipe
    training: TrainingSettings
    device: DeviceSettings
    pairs: pd.DataFrame
    seed: int
    folder: Path
    quiet: bool = False

    def describe(self) -> dict[str, Any]:
        """What ``settings.json`` says beside the checkpoints."""
        return {
            **self.recipe.describe(),
            "training": self.training.model_dump(mode="json"),
            "precision": self.device.precision,
            "devices": self.device.devices,
            "seed": self.seed,
            "pairs": len(self.pairs),
        }


def train(job: TrainingJob) -> None:
    """Train to the last iteration, continuing from what the folder holds.

    Raises:
        UserError: The loss is not finite, or a failure to write.
        KeyboardInterrupt: Stopped by the user; the state at the last step is saved.
    """
    write_json(job.folder / SETTINGS, job.describe())
    launch(job.device, _train, job)
    if read_final(job.folder) is None:  # processes of their own stop without telling
        raise KeyboardInterrupt


def _train(fabric: "Fabric", job: TrainingJob) -> None:
    console = Console(quiet=job.quiet or fabric.global_rank > 0)
    run = _Run.start(fabric, job, console)
    total = job.training.iterations
    with (
        interruptible() as interruption,
        console.bar(f"train {job.recipe.name}", total, done=run.step) as bar,
    ):
        while run.step < total:
            run.advance()
            bar.advance(note=run.note)
            stop = bool(fabric.broadcast(interruption.requested))
            if stop or run.step % job.training.checkpoint_every == 0 or run.step == total:
                run.save()
            if stop and run.step < total:
                raise KeyboardInterrupt
    if fabric.is_global_zero:
        write_final(job.folder, run.summary())


@dataclass
class _Run:
    """A training in progress."""

    fabric: "Fabric"
    job: TrainingJob
    method: Method
    module: Any  # the method as Fabric wrapped it
    optimizers: list[list[Any]]  # a list of turns for each stage
    average: WeightAverage
    stages: tuple[Stage, ...]
    meter: EnergyMeter
    step: int = 0
    seconds: float = 0.0
    energy_before: float = 0.0  # joules, until the training was last interrupted
    losses: list[list[Any]] = field(default_factory=list)
    note: str = ""
    _window: list[Tensor] = field(default_factory=list)
    _batches: Iterator[Pair] | None = None

    @classmethod
    def start(cls, fabric: "Fabric", job: TrainingJob, console: Console) -> "_Run":
        """Build everything from the seed, then restore what was saved."""
        torch.manual_seed(derive_seed("init", job.seed))
        method = accelerate(job.recipe.build(), job.device)
        stages = method.stages()
        if not all(turn.parameters for stage in stages for turn in stage.turns):
            raise UserError(
                f"method '{job.recipe.name}' has a turn without parameters; a method that "
                "learns nothing says 'learns = False'"
            )
        raw = [[_optimizer(method, turn, job.training) for turn in s.turns] for s in stages]
        flat = [optimizer for turns in raw for optimizer in turns]
        module, *wrapped = fabric.setup(method, *flat)
        for stage in stages:
            for turn in stage.turns:
                module.mark_forward_method(_name(turn))
        remaining = iter(wrapped)
        optimizers = [[next(remaining) for _ in turns] for turns in raw]
        average = WeightAverage(method, job.training.ema)
        meter = start_meter(fabric.device.type, range(job.device.devices))
        run = cls(fabric, job, method, module, optimizers, average, stages, meter)
        run._restore(load_latest(job.folder, console))
        return run

    def advance(self) -> None:
        """One iteration: every turn of the current stage, on batches of its own."""
        began = time.monotonic()
        seed = derive_seed("step", self.job.seed, self.step, self.fabric.global_rank)
        torch.manual_seed(seed)  # the random state is a function of the step: exact resume
        self.module.train()
        stage = self._stage()
        for turn, optimizer in zip(self.stages[stage].turns, self.optimizers[stage], strict=True):
            self._window.append(self._turn(turn, optimizer))
        self.step += 1
        self.average.update(self.method, self.step)
        self.seconds += time.monotonic() - began
        if self.step % LOG_EVERY == 0 or self.step == self.job.training.iterations:
            self._log(self.stages[stage].name)

    def _turn(self, turn: Turn, optimizer: Any) -> Tensor:
        total = torch.zeros((), device=self.fabric.device)
        count = self.job.training.batch_size // self.micro_batch // self.fabric.world_size
        for micro in range(count):
            source, target, years = (part.to(self.fabric.device) for part in next(self.batches))
            with self.fabric.no_backward_sync(self.module, enabled=micro < count - 1):
                loss = getattr(self.module, _name(turn))(source, target, years) / count
                self.fabric.backward(loss)
            total += loss.detach()
        optimizer.step()
        self.module.zero_grad(set_to_none=True)
        return total

    @property
    def micro_batch(self) -> int:
        settings = self.job.training
        return settings.micro_batch or settings.batch_size // self.fabric.world_size

    @property
    def batches(self) -> Iterator[Pair]:
        """Batches of this rank from the current step on."""
        if self._batches is None:
            settings, fabric = self.job.training, self.fabric
            turns_done = sum(len(self.stages[self._stage(s)].turns) for s in range(self.step))
            order = ShuffledBatches(
                len(self.job.pairs),
                self.micro_batch,
                self.job.seed,
                start=turns_done * settings.batch_size // self.micro_batch + fabric.global_rank,
                stride=fabric.world_size,
            )
            dataset = PairDataset(self.job.pairs, self.method.multiple)
            self._batches = training_batches(dataset, order, settings.workers)
        return self._batches

    def _stage(self, step: int | None = None) -> int:
        """Which stage a step belongs to, by the stages' shares of all iterations."""
        position = (self.step if step is None else step) / self.job.training.iterations
        whole, end = sum(stage.share for stage in self.stages), 0.0
        for index, stage in enumerate(self.stages):
            end += stage.share / whole
            if position < end:
                return index
        return len(self.stages) - 1

    def _log(self, stage: str) -> None:
        self._require_finite()
        loss = float(torch.stack(self._window).mean())
        self._window.clear()
        self.losses.append([stage, self.step, loss, round(self.seconds, 3)])
        self.note = f"loss {loss:.4f}"

    def _require_finite(self) -> None:
        """Stop on a loss or weight that is not finite, before a checkpoint could hold it."""
        values = [*self._window, *(weight.detach().sum() for weight in self.method.parameters())]
        if not math.isfinite(float(torch.stack(values).sum())):
            raise UserError(
                f"{self.job.recipe.name}: the loss or a weight is not finite by iteration "
                f"{self.step}; the last good checkpoint in {self.job.folder} is kept. "
                "Try a lower training.learning_rate."
            )

    def save(self) -> None:
        """Write a checkpoint and the loss curve."""
        self._require_finite()
        if self.fabric.is_global_zero:
            states = [[optimizer.state_dict() for optimizer in t] for t in self.optimizers]
            save_checkpoint(
                self.job.folder,
                Checkpoint(
                    step=self.step,
                    weights=self.method.state_dict(),
                    average=self.average.weights,
                    state={
                        "optimizers": states,
                        "seconds": self.seconds,
                        "energy_j": self.energy_j,
                        "window": [float(loss) for loss in self._window],
                    },
                    losses=self.losses,
                ),
            )
            curve = pd.DataFrame(self.losses, columns=pd.Index(LOSS_COLUMNS))
            write_text(self.job.folder / "losses.csv", curve.to_csv(index=False))
        self.fabric.barrier()

    def _restore(self, checkpoint: Checkpoint | None) -> None:
        if checkpoint is None:
            return
        self.method.load_state_dict(checkpoint.weights)
        self.average.load(checkpoint.average)
        for turns, states in zip(self.optimizers, checkpoint.state["optimizers"], strict=True):
            for optimizer, state in zip(turns, states, strict=True):
                optimizer.load_state_dict(state)
        self.step, self.losses = checkpoint.step, checkpoint.losses
        self.seconds = checkpoint.state["seconds"]
        self.energy_before = checkpoint.state.get("energy_j") or 0.0
        window = checkpoint.state["window"]  # losses that the curve does not show yet
        self._window = [torch.tensor(loss, device=self.fabric.device) for loss in window]

    @property
    def energy_j(self) -> float | None:
        """Joules that the device used for all of the training; None where no driver tells."""
        now = self.meter.joules()
        return None if now is None else round(self.energy_before + now, 1)

    def summary(self) -> dict[str, Any]:
        """What the report says of the training's cost."""
        return {
            "iterations": self.step,
            "seconds": round(self.seconds, 1),
            "energy_j": self.energy_j,
            "peak_memory_gb": round(peak_memory_gb(self.fabric), 2),
            "device": device_name(self.fabric),
        }


def _optimizer(method: Method, turn: Turn, settings: TrainingSettings) -> torch.optim.Optimizer:
    return method.optimizer(turn.parameters, settings.learning_rate)


def _name(turn: Turn) -> str:
    return turn.loss.__name__
