"""Validation during training: the loss on the validation pairs, and generated samples.

It changes nothing: weights, buffers, modes and random states are restored bit for bit.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import torch
from torch import Tensor

from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.seeds import derive_seed, sample_seed
from longibench.benchmark.core.workspace import SAMPLES
from longibench.benchmark.devices.conv3d_cpu import fast_convolutions
from longibench.benchmark.settings.schema import ValidationSettings
from longibench.benchmark.training.pair_loader import Pair, PairDataset, crop_to_shape
from longibench.benchmark.training.validation_figure import Sample, write_picture
from longibench.methods.method import Loss, Method, OptimizerStep
from longibench.methods.noise import SeededNoise

if TYPE_CHECKING:
    from lightning_fabric import Fabric

VALIDATION_COLUMNS = ("stage", "step", "loss")


@dataclass
class Validation:
    """Validates a method during training, always on the same pairs with the same noise.

    Attributes:
        fabric: Devices and precision; the pairs are divided over its ranks.
        method: The method, on its device, not wrapped.
        average: Weights (EMA) to use instead of the method's; empty for the method's.
        pairs: Validation pairs, in the order of ``choose_pairs``.
        settings: How often, and how many samples to draw as figures.
        seed: Run seed.
        batch_size: Pairs a forward pass.
    """

    fabric: "Fabric"
    method: Method
    average: dict[str, Tensor]
    pairs: pd.DataFrame
    settings: ValidationSettings
    seed: int
    batch_size: int = 1

    def __post_init__(self) -> None:
        self._dataset = PairDataset(self.pairs, self.method.multiple)

    def is_due(self, step: int) -> bool:
        """Whether to validate after iteration ``step``, counted from 1."""
        return self.settings.every > 0 and step % self.settings.every == 0

    def losses(self, steps: Sequence[OptimizerStep]) -> dict[str, float]:
        """Mean of each optimizer step's loss over the pairs, by its name; call on all ranks."""
        mine = range(len(self.pairs))[self.fabric.global_rank :: self.fabric.world_size]
        sums = torch.zeros(len(steps), dtype=torch.float64, device=self.fabric.device)
        with self._evaluation():
            for start in range(0, len(mine), self.batch_size):
                indices = mine[start : start + self.batch_size]
                batch = self._read(indices)
                for place, step in enumerate(steps):
                    sums[place] += self._loss(step.loss, batch, indices) * len(indices)
        means = self._sum_over_processes(sums) / len(self.pairs)
        return dict(zip([step.name for step in steps], means.tolist(), strict=True))

    def draw(self, folder: Path, step: int) -> None:
        """Generate follow-ups of the first pairs as ``samples/step-<n>.png``; call on all ranks.

        Raises:
            UserError: Writing failed.
        """
        count = min(self.settings.pictures, len(self.pairs))
        if not count:
            return
        generated = self._generated(count)
        if self.fabric.is_global_zero:
            sources, targets, years = self._dataset.batch(range(count))
            shape = self.method.shape
            samples = [
                Sample(crop_to_shape(source, shape)[0].numpy(),
                       crop_to_shape(target, shape)[0].numpy(), volume.numpy(), float(when))
                for source, target, volume, when in zip(
                    sources, targets, generated, years, strict=True
                )
            ]  # fmt: skip
            write_picture(samples, self.method.name, step, folder / SAMPLES)
        self.fabric.barrier()

    def _generated(self, count: int) -> Tensor:
        """Follow-ups of the first pairs, (count, X, Y, Z) in [-1, 1] on the CPU."""
        volumes = torch.zeros((count, *self.method.shape), device=self.fabric.device)
        subjects = self.pairs["subject"].tolist()
        with self._evaluation():
            for index in range(count)[self.fabric.global_rank :: self.fabric.world_size]:
                source, _, years = self._read([index])
                seeds = torch.tensor([sample_seed(self.seed, subjects[index], 0)])
                made = self.method.generate(source, years, seeds).clamp(-1, 1)
                volumes[index] = crop_to_shape(made, self.method.shape)[0, 0]
        return self._sum_over_processes(volumes).float().cpu()

    def _loss(self, loss: Loss, batch: Pair, indices: Sequence[int]) -> Tensor:
        """A loss of some pairs; the noise of a pair depends on the pair alone."""
        seeds = [derive_seed("validation noise", index) for index in indices]
        self.method.noise = SeededNoise(torch.tensor(seeds), self.fabric.device)
        torch.manual_seed(derive_seed("validation pass", indices[0]))
        return loss(*batch)

    def _read(self, indices: Sequence[int]) -> Pair:
        """Pairs on the device, in the type of the weights."""
        like = next(self.method.parameters())
        source, target, years = (part.to(like) for part in self._dataset.batch(indices))
        return source, target, years

    @contextmanager
    def _evaluation(self) -> Iterator[None]:
        device = self.fabric.device
        gpus = [device.index or 0] if device.type == "cuda" else []
        with ExitStack() as stack:
            stack.enter_context(torch.random.fork_rng(gpus))
            stack.enter_context(evaluating(self.method, self.average))
            stack.enter_context(torch.no_grad())
            stack.enter_context(self.fabric.autocast())
            stack.enter_context(fast_convolutions(device.type))
            yield

    def _sum_over_processes(self, values: Tensor) -> Tensor:
        if self.fabric.world_size == 1:
            return values
        return self.fabric.all_reduce(values, reduce_op="sum")  # type: ignore[return-value]


def choose_pairs(pairs: pd.DataFrame | None, settings: ValidationSettings) -> pd.DataFrame:
    """Choose the validation pairs by a hash: the same in every run, for any order of the table.

    Raises:
        UserError: There are none.
    """
    if pairs is None or pairs.empty:
        raise UserError(
            f"training.validation.every={settings.every}, but there is no validation part: "
            "set split.validation=0.1, or training.validation.every=0"
        )
    named = zip(pairs["subject"], pairs["visit"], strict=True)
    hashes = [derive_seed("validation", str(subject), str(visit)) for subject, visit in named]
    order = sorted(range(len(pairs)), key=hashes.__getitem__)
    return pairs.iloc[order[: settings.pairs]].reset_index(drop=True)


def require_pairs(pairs: pd.DataFrame | None, settings: ValidationSettings) -> None:
    """Check that there are validation pairs if validation is on.

    Raises:
        UserError: There are none.
    """
    if settings.every:
        choose_pairs(pairs, settings)


@contextmanager
def evaluating(method: Method, average: dict[str, Tensor]) -> Iterator[None]:
    """Evaluation mode with the averaged weights; restores everything afterwards."""
    modes = [(module, module.training) for module in method.modules()]
    noise = method.noise
    _swap(method, list(average.items()))
    buffers = [(buffer, buffer.clone()) for buffer in method.buffers()]
    method.eval()
    try:
        yield
    finally:
        for buffer, value in buffers:  # a loss may change them
            buffer.copy_(value)
        _swap(method, list(reversed(average.items())))  # reversed: a tensor may have two names
        method.noise = noise
        for module, mode in modes:
            module.training = mode


@torch.no_grad()
def _swap(method: Method, average: list[tuple[str, Tensor]]) -> None:
    """Swap weights with their average in place, one tensor at a time; twice restores both."""
    held = method.state_dict()
    for name, value in average:
        own = held[name].clone()
        held[name].copy_(value)
        value.copy_(own)
