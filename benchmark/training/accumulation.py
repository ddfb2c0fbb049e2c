"""One optimizer update: the passes that a batch is divided into, and what to do without memory."""

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
from longibench.methods.method import Method, Turn
from longibench.methods.noise import SeededNoise

if TYPE_CHECKING:
    from lightning_fabric import Fabric


@dataclass
class Updates:
    """Makes updates from the sequence of pairs, in as many passes as fit the memory.

    Whatever the passes and processes, an update sees the same pairs with the same noise.

    Attributes:
        fabric: Devices and precision.
        method: The method, on its device.
        module: The same as Fabric wrapped it.
        dataset: The training pairs.
        batch_size: Pairs an update.
        seed: Of the order and the noise.
        workers: Processes that read.
        plan: Pairs a pass, and levels that are recomputed.
        console: For what a reader must know.
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
        self.method.recompute(self.plan.levels)

    @property
    def division(self) -> Division:
        """How this process takes its part of an update."""
        fabric = self.fabric
        return Division(
            self.batch_size, self.plan.micro_batch, fabric.world_size, fabric.global_rank
        )

    def make(self, turn: Turn, optimizer: Any) -> Tensor:
        """Update a turn's parameters; return the mean loss of this process's pairs."""
        loss = self.accumulate(turn)
        optimizer.step()
        self.module.zero_grad(set_to_none=True)
        self.done += 1
        return loss

    def accumulate(self, turn: Turn) -> Tensor:
        """Gradients of an update, in smaller passes where memory runs out.

        Raises:
            UserError: The smallest pass does not fit.
        """
        while True:
            try:
                return self._passes(turn)
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                if self.fabric.world_size > 1:  # the others would wait for this one
                    raise UserError(
                        f"{self.method.name}: out of memory in the middle of the training with "
                        f"{self.plan.describe()}; set a smaller training.micro_batch"
                    ) from error
            self.step_down()  # outside the handler, whose traceback would keep the tensors

    def rehearse(self, turns: list[Turn]) -> None:
        """Several processes find out together, before the first step, what fits all of them."""
        if self.fabric.world_size == 1:
            return
        buffers = {name: value.clone() for name, value in self.method.named_buffers()}
        while not self._fits(turns):
            self.step_down()
        for name, value in self.method.named_buffers():
            value.copy_(buffers[name])  # running statistics of normalisations
        self.release()

    def _fits(self, turns: list[Turn]) -> bool:
        failed = torch.zeros((), device=self.fabric.device)
        try:
            for turn in turns:
                self._passes(turn, synchronise=False)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            failed += 1
        self.fabric.all_reduce(failed, reduce_op="sum")  # in place
        return not failed

    def step_down(self) -> None:
        """Take smaller passes, or keep fewer activations.

        Raises:
            UserError: There is nothing smaller.
        """
        smaller = self.plan.smaller()
        if smaller is None:
            raise UserError(
                f"{self.method.name}: one pair a pass does not fit the device's memory "
                f"({self.plan.describe()}); take a smaller grid or network, or a larger device"
            )
        self.console.warn(f"out of memory; going on with {smaller.describe()}")
        self.plan = smaller
        self.method.recompute(smaller.levels)
        self.release()

    def release(self) -> None:
        """Drop gradients and what was read ahead."""
        self.module.zero_grad(set_to_none=True)
        self.close()
        if self.fabric.device.type == "cuda":
            torch.cuda.empty_cache()

    def close(self) -> None:
        """Stop reading ahead."""
        if self._batches is not None:
            with closing(self._batches):  # type: ignore[type-var]  # it is a generator
                self._batches = None

    def trial(self, turn: Turn) -> Callable[[Method], None]:
        """A pass of a copy of the method on the first pairs, for timing."""

        def work(method: Method) -> None:
            positions = self.division.positions(0, 0)
            read = self.dataset.batch([self._pairs[position] for position in positions])
            source, target, years = (part.to(self.fabric.device, self._dtype) for part in read)
            method.noise = self._noise(positions)
            with self.fabric.autocast():
                loss = getattr(method, turn.loss.__name__)(source, target, years)
            loss.backward()
            method.zero_grad()

        return work

    def pairs_of(self, update: int) -> list[int]:
        """Indices of all pairs of an update, over all processes."""
        start = update * self.batch_size
        return [self._pairs[position] for position in range(start, start + self.batch_size)]

    def _passes(self, turn: Turn, synchronise: bool = True) -> Tensor:
        total = torch.zeros((), device=self.fabric.device)
        count = self.division.passes
        for number in range(count):
            source, target, years = self._next()
            self._seed(self.division.positions(self.done, number))
            alone = number < count - 1 or not synchronise
            with (
                self.fabric.no_backward_sync(self.module, enabled=alone),
                fast_convolutions(self.fabric.device.type),
            ):
                # Fabric's own wrapper sets the precision of several devices only
                with self.fabric.autocast():
                    loss = getattr(self.module, turn.loss.__name__)(source, target, years) / count
                self.fabric.backward(loss)
            total += loss.detach()
        return total

    def _seed(self, positions: range) -> None:
        """Make all randomness of a pass a function of the pairs that it sees: exact resume."""
        seed_torch(derive_seed("pass", self.seed, positions.start), self.fabric.device)
        self.method.noise = self._noise(positions)

    def _noise(self, positions: range) -> SeededNoise:
        seeds = [derive_seed("noise", self.seed, position) for position in positions]
        return SeededNoise(torch.tensor(seeds), self.fabric.device)

    def _next(self) -> Pair:
        source, target, years = next(self._read())
        if self._dtype == source.dtype:  # else asked of every tensor, which costs a thread switch
            return source, target, years
        return source.to(self._dtype), target.to(self._dtype), years.to(self._dtype)

    def _read(self) -> Iterator[Pair]:
        if self._batches is None:
            order = MicroBatches(self._pairs, self.division, self.done)
            self._batches = training_batches(self.dataset, order, self.workers, self.fabric.device)
        return self._batches


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether a device's allocator failed; the CPU's has no error of its own."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)
