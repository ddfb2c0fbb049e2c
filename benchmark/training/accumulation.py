"""Gradient accumulation: one optimizer step from as many micro-batches as fit the memory."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from longibench.benchmark.core.console import Console
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.seeds import derive_seed, seed_torch
from longibench.benchmark.devices.conv3d_cpu import fast_convolutions
from longibench.benchmark.training.memory_plan import MemoryPlan
from longibench.benchmark.training.pair_loader import (
    Division,
    MicroBatches,
    Pair,
    PairDataset,
    ShuffledPairs,
    training_batches,
)
from longibench.methods.method import Method, OptimizerStep
from longibench.methods.noise import SeededNoise

if TYPE_CHECKING:
    from lightning_fabric import Fabric


@dataclass
class GradientAccumulator:
    """Makes optimizer steps from the sequence of pairs, in micro-batches that fit the memory.

    However the batch is divided, a step sees the same pairs with the same noise.

    Attributes:
        fabric: Devices and precision.
        method: The method, on its device.
        module: Its losses as Fabric wrapped them.
        dataset: The training pairs.
        batch_size: Pairs an optimizer step.
        seed: Of the order and the noise.
        workers: Reader processes.
        plan: Size of a micro-batch, and levels whose activations are checkpointed.
        console: For warnings.
        done: Optimizer steps done.
    """

    fabric: "Fabric"
    method: Method
    module: Any
    dataset: PairDataset
    batch_size: int
    seed: int
    workers: int
    plan: MemoryPlan
    console: Console
    done: int = 0
    _batches: Iterator[Pair] | None = None

    def __post_init__(self) -> None:
        self._pairs = ShuffledPairs(len(self.dataset), self.seed)
        self._dtype = next(self.method.parameters()).dtype  # float64 under 64-true
        self.method.checkpoint_activations(self.plan.checkpoint_levels)

    @property
    def division(self) -> Division:
        """The part of a batch that this rank takes."""
        fabric = self.fabric
        return Division(
            self.batch_size, self.plan.micro_batch, fabric.world_size, fabric.global_rank
        )

    def step(self, optimizer_step: OptimizerStep, optimizer: Any) -> Tensor:
        """Change the step's parameters; return the mean loss of this rank's pairs."""
        loss = self.accumulate(optimizer_step)
        optimizer.step()
        self.module.zero_grad(set_to_none=True)
        self.done += 1
        return loss

    def accumulate(self, optimizer_step: OptimizerStep) -> Tensor:
        """Accumulate the gradients of a batch, in smaller micro-batches if memory runs out.

        Raises:
            UserError: The smallest micro-batch does not fit.
        """
        while True:
            try:
                return self._backward(optimizer_step)
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                if self.fabric.world_size > 1:  # the other ranks would wait for this one
                    raise UserError(
                        f"{self.method.name}: out of memory in the middle of the training with "
                        f"{self.plan.describe()}; set a smaller training.micro_batch"
                    ) from error
            self.use_less_memory()  # outside the handler: its traceback would keep the tensors

    def fit_all_ranks(self, optimizer_steps: list[OptimizerStep]) -> None:
        """Find, before the first step, a division of the batch that fits all ranks."""
        if self.fabric.world_size == 1:
            return
        buffers = {name: value.clone() for name, value in self.method.named_buffers()}
        while not self._fits(optimizer_steps):
            self.use_less_memory()
        for name, value in self.method.named_buffers():
            value.copy_(buffers[name])  # running statistics of normalisations
        self.release()

    def _fits(self, optimizer_steps: list[OptimizerStep]) -> bool:
        failed = torch.zeros((), device=self.fabric.device)
        try:
            for optimizer_step in optimizer_steps:
                self._backward(optimizer_step, synchronise=False)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            failed += 1
        self.fabric.all_reduce(failed, reduce_op="sum")  # in place
        return not failed

    def use_less_memory(self) -> None:
        """Take smaller micro-batches, or checkpoint more activations.

        Raises:
            UserError: There is nothing smaller.
        """
        smaller = self.plan.smaller()
        if smaller is None:
            raise UserError(
                f"{self.method.name}: a micro-batch of one pair does not fit the device's memory "
                f"({self.plan.describe()}); take a smaller grid or network, or a larger device"
            )
        self.console.warn(f"out of memory; continuing with {smaller.describe()}")
        self.plan = smaller
        self.method.checkpoint_activations(smaller.checkpoint_levels)
        self.release()

    def release(self) -> None:
        """Drop gradients and prefetched batches."""
        self.module.zero_grad(set_to_none=True)
        self.close()
        if self.fabric.device.type == "cuda":
            torch.cuda.empty_cache()

    def close(self) -> None:
        """Stop prefetching."""
        if self._batches is not None:
            with closing(self._batches):  # type: ignore[type-var]  # it is a generator
                self._batches = None

    def trial(self) -> Callable[[Method], None]:
        """A micro-batch of a copy of the method on the first pairs, for timing."""

        def work(method: Method) -> None:
            positions = self.division.positions(0, 0)
            read = self.dataset.batch([self._pairs[position] for position in positions])
            source, target, years = (part.to(self.fabric.device, self._dtype) for part in read)
            method.noise = self._noise(positions)
            with self.fabric.autocast():
                loss = method.stages()[0].optimizer_steps[0].loss(source, target, years)
            loss.backward()
            method.zero_grad()

        return work

    def pairs_of(self, number: int) -> list[int]:
        """Indices of all pairs of an optimizer step, counted from 0, over all ranks."""
        start = number * self.batch_size
        return [self._pairs[position] for position in range(start, start + self.batch_size)]

    def _backward(self, optimizer_step: OptimizerStep, synchronise: bool = True) -> Tensor:
        total = torch.zeros((), device=self.fabric.device)
        count = self.division.micro_batches
        for number in range(count):
            source, target, years = self._next()
            self._seed(self.division.positions(self.done, number))
            alone = number < count - 1 or not synchronise
            with (
                self.fabric.no_backward_sync(self.module, enabled=alone),
                fast_convolutions(self.fabric.device.type),
            ):
                with self.fabric.autocast():
                    loss = self._loss(optimizer_step, (source, target, years)) / count
                self.fabric.backward(loss)
            total += loss.detach()
        return total

    def _loss(self, optimizer_step: OptimizerStep, batch: Pair) -> Tensor:
        if self.fabric.world_size == 1:
            return optimizer_step.loss(*batch)
        return self.module(optimizer_step.loss, *batch)  # through DDP, which averages gradients

    def _seed(self, positions: range) -> None:
        """Make all randomness of a micro-batch a function of its pairs: resuming is exact."""
        seed_torch(derive_seed("pass", self.seed, positions.start), self.fabric.device)
        self.method.noise = self._noise(positions)

    def _noise(self, positions: range) -> SeededNoise:
        seeds = [derive_seed("noise", self.seed, position) for position in positions]
        return SeededNoise(torch.tensor(seeds), self.fabric.device)

    def _next(self) -> Pair:
        source, target, years = next(self._read())
        if self._dtype == source.dtype:  # a call of ``to`` for each tensor costs a thread switch
            return source, target, years
        return source.to(self._dtype), target.to(self._dtype), years.to(self._dtype)

    def _read(self) -> Iterator[Pair]:
        if self._batches is None:
            order = MicroBatches(self._pairs, self.division, self.done)
            self._batches = training_batches(self.dataset, order, self.workers, self.fabric.device)
        return self._batches


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether a device's allocator failed; the CPU's has no error class."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)
