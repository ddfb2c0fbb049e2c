"""Work for the tests of several devices; the other ranks import it."""

import os
import signal
from pathlib import Path
from typing import Any

import torch

from longibench.benchmark.core.console import Console
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.signals import Stopped, interruptible
from longibench.benchmark.devices.ddp import Losses
from longibench.benchmark.devices.process_group import any_rank_interrupted
from longibench.benchmark.evaluation.generate import GenerationJob, _generate
from longibench.benchmark.training.job import TrainingJob
from longibench.benchmark.training.trainer import Trainer
from longibench.methods.method import Method, MethodSettings, OptimizerStep, Stage


def first_gradient(fabric: Any, job: TrainingJob, file: Path) -> None:
    """Store the gradient of the first optimizer step, averaged over the ranks, by parameter."""
    trainer = Trainer.start(fabric, job, Console(quiet=True))
    trainer.accumulator.accumulate(trainer.schedule.stages[0].optimizer_steps[0])
    trainer.accumulator.close()
    if fabric.is_global_zero:
        torch.save({name: p.grad for name, p in trainer.method.named_parameters()}, file)


def two_optimizer_steps(fabric: Any, file: Path) -> None:
    """One optimizer step of either half of a method, as a GAN does; store its weights."""
    torch.manual_seed(0)
    method = Halves(MethodSettings(), (2, 2, 2))
    steps = method.stages()[0].optimizer_steps
    optimizers = [torch.optim.SGD(step.parameters, 0.1) for step in steps]
    module, *optimizers = fabric.setup(Losses(method), *optimizers)
    for step, optimizer in zip(steps, optimizers, strict=True):
        values = torch.full((1, 2), 1.0 + fabric.global_rank)
        fabric.backward(module(step.loss, values, values, values))
        optimizer.step()
        module.zero_grad(set_to_none=True)
    if fabric.is_global_zero:
        torch.save(method.state_dict(), file)


class Halves(Method):
    """Two layers, each trained by its own loss."""

    summary = "two layers"

    def __init__(self, settings: MethodSettings, shape: tuple[int, int, int]) -> None:
        """Args: as every method."""
        super().__init__(settings, shape)
        self.first, self.second = torch.nn.Linear(2, 1), torch.nn.Linear(2, 1)

    def stages(self) -> tuple[Stage, ...]:
        """Two optimizer steps an iteration."""
        first = OptimizerStep("first", self.training_loss, tuple(self.first.parameters()))
        second = OptimizerStep("second", self.other_loss, tuple(self.second.parameters()))
        return (Stage("both", (first, second)),)

    def training_loss(self, source: Any, target: Any, interval_years: Any) -> Any:
        """Of the first layer."""
        return self.first(source).mean()

    def other_loss(self, source: Any, target: Any, interval_years: Any) -> Any:
        """Of the second layer."""
        return self.second(source).mean()

    def generate(self, source: Any, interval_years: Any, seeds: Any) -> Any:
        """Nothing."""
        return source


def meet(fabric: Any, folder: Path) -> None:
    """Write a file a rank, named by the rank and the world size."""
    (folder / f"{fabric.global_rank} of {fabric.world_size}").touch()


def wait_to_be_stopped(fabric: Any, signalled: int) -> None:
    """Work until any rank gets a signal to stop; one of them sends it to itself."""
    with interruptible() as interruption:
        if fabric.global_rank == signalled:
            os.kill(os.getpid(), signal.SIGTERM)
        while not any_rank_interrupted(interruption):
            pass
        raise Stopped(interruption.number)


def fail(fabric: Any, how: str) -> None:
    """Fail on rank 1, while rank 0 waits for it."""
    if fabric.global_rank == 1:
        if how == "user":
            raise UserError("no space left: make some")
        raise ValueError("a bug")
    fabric.barrier()


def generate_and_die(fabric: Any, job: GenerationJob) -> None:
    """Generate; rank 1 is killed at its second volume."""
    if fabric.global_rank == 1:
        os.environ["TINY_DO"] = "SIGKILL:generate:3"  # the first one is generated twice
    _generate(fabric, job)
