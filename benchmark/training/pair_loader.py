"""Prepared volumes as tensors, in an order that follows from the step number alone."""

import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from typing import Any

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.seeds import derive_seed
from longibench.benchmark.preparation.steps.intensity import BACKGROUND
from longibench.benchmark.preparation.store.volumes import read_into, volume_shape

Pair = tuple[Tensor, Tensor, Tensor]
GRACE = 30  # seconds between SIGTERM and the end of a reader process


def pad_to_multiple(volume: Tensor, multiple: int) -> Tensor:
    """Pad the last three sides with background, evenly, to the next multiple."""
    padding: list[int] = []
    for side in reversed(volume.shape[-3:]):
        missing = -side % multiple
        padding += [missing // 2, missing - missing // 2]
    return F.pad(volume, padding, value=BACKGROUND)


def crop_to_shape(volume: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """Undo ``pad_to_multiple``."""
    starts = [(have - want) // 2 for have, want in zip(volume.shape[-3:], shape, strict=True)]
    x, y, z = (slice(start, start + want) for start, want in zip(starts, shape, strict=True))
    return volume[..., x, y, z]


class PairDataset(Dataset[Pair]):
    """Pairs as (source, target, interval): (1, X, Y, Z) twice and a scalar in years."""

    def __init__(self, pairs: pd.DataFrame, multiple: int) -> None:
        """Args: pairs with ``source``, ``target``, ``interval_years``; multiple to pad sides to."""
        self._rows = list(
            zip(pairs["source"], pairs["target"], pairs["interval_years"], strict=True)
        )
        self._multiple = multiple

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Pair:
        source, target, years = self.batch([index])
        return source[0], target[0], years[0]

    def __getitems__(self, indices: Sequence[int]) -> Pair | UserError:
        """A batch for the loader, or the error as a value: workers lose exceptions."""
        try:
            return self.batch(indices)
        except UserError as error:
            return error

    def batch(self, indices: Sequence[int]) -> Pair:
        """Pairs as sources and targets (B, 1, X, Y, Z) and intervals (B,).

        Every volume is decoded into its place in the batch: nothing is stacked or padded later.

        Raises:
            UserError: A volume cannot be read or has another shape.
        """
        sources, targets, years = zip(*(self._rows[index] for index in indices), strict=True)
        return self._read(sources), self._read(targets), torch.tensor(years, dtype=torch.float32)

    @cached_property
    def _shape(self) -> tuple[int, int, int]:
        return volume_shape(self._rows[0][0])

    def _read(self, paths: Sequence[str]) -> Tensor:
        padded = [side + -side % self._multiple for side in self._shape]
        # NumPy allocates huge pages if the system has them: much faster to fill than torch's memory
        batch = torch.from_numpy(np.empty((len(paths), 1, *padded), np.float32))
        if tuple(padded) != self._shape:
            batch.fill_(BACKGROUND)
        places = [volume[0].numpy() for volume in crop_to_shape(batch, self._shape)]
        # Reading releases the GIL; a worker has one thread, as torch has there.
        threads = min(torch.get_num_threads(), len(paths))
        with ThreadPoolExecutor(threads) if threads > 1 else nullcontext() as pool:
            list((pool.map if pool else map)(read_into, paths, places))
        return batch


class ShuffledPairs:
    """An endless shuffled sequence of pairs with random access.

    Every epoch is a permutation that depends on (seed, epoch) alone.
    """

    def __init__(self, size: int, seed: int) -> None:
        """Args: number of pairs; the run's seed."""
        self._size, self._seed = size, seed
        self._epoch, self._order = -1, torch.empty(0)

    def __getitem__(self, position: int) -> int:
        """Index of the pair at a position."""
        epoch, place = divmod(position, self._size)
        if epoch != self._epoch:
            generator = torch.Generator().manual_seed(derive_seed("order", self._seed, epoch))
            self._epoch, self._order = epoch, torch.randperm(self._size, generator=generator)
        return int(self._order[place])


@dataclass(frozen=True)
class Division:
    """How the pairs of an optimizer step are divided over micro-batches and ranks.

    Attributes:
        batch_size: Pairs an optimizer step.
        micro_batch: Pairs a micro-batch of one rank.
        world_size: Number of ranks.
        rank: This rank.
    """

    batch_size: int
    micro_batch: int
    world_size: int = 1
    rank: int = 0

    @property
    def micro_batches(self) -> int:
        """Micro-batches an optimizer step and rank."""
        return self.batch_size // (self.micro_batch * self.world_size)

    def positions(self, step: int, number: int) -> range:
        """Positions of a micro-batch of this rank in the sequence of pairs; steps count from 0."""
        place = number * self.world_size + self.rank
        start = step * self.batch_size + place * self.micro_batch
        return range(start, start + self.micro_batch)


class MicroBatches:
    """Indices of the pairs of every micro-batch, from an optimizer step on, without end."""

    def __init__(self, pairs: ShuffledPairs, division: Division, first_step: int) -> None:
        self._pairs, self._division, self._first = pairs, division, first_step

    def __iter__(self) -> Iterator[list[int]]:
        for step in count(self._first):
            for number in range(self._division.micro_batches):
                yield [self._pairs[p] for p in self._division.positions(step, number)]


def training_batches(
    dataset: PairDataset, batches: MicroBatches, workers: int, device: torch.device
) -> Iterator[Pair]:
    """Read batches, (B, 1, X, Y, Z) twice and (B,), without end, one batch ahead of the training.

    With workers, processes read; without, a thread. Copies to a GPU overlap with its computation.
    Close the iterator when done.

    Raises:
        UserError: A volume cannot be read or has another shape.
    """
    on_gpu = device.type == "cuda"
    loader: DataLoader[Pair] = DataLoader(
        dataset,
        batch_sampler=batches,
        num_workers=workers,
        collate_fn=_unchanged,
        persistent_workers=workers > 0,
        pin_memory=on_gpu,
        worker_init_fn=_ignore_signals if workers else None,
        generator=torch.Generator(),  # else opening it uses the global one, within a step
    )
    read = map(_checked, loader)
    move = _Copies(device) if on_gpu else None
    try:
        with ThreadPoolExecutor(1, thread_name_prefix="read-ahead") as reader:
            ahead = reader.submit(next, read)
            while True:
                batch = ahead.result()
                ahead = reader.submit(next, read)
                yield move(batch) if move else batch
    finally:
        del read, loader  # ends the workers now, not when an error's traceback is freed


def _checked(batch: Any) -> Pair:
    """The loader's batch; raises the error that it returned instead."""
    if isinstance(batch, UserError):
        raise batch
    source, target, years = batch  # pinning makes a list of it
    return source, target, years


class _Copies:
    """Copies batches to a GPU one ahead, on a separate stream."""

    def __init__(self, device: torch.device) -> None:
        self._device, self._stream = device, torch.cuda.Stream(device)

    def __call__(self, batch: Pair) -> Pair:
        with torch.cuda.stream(self._stream):
            source, target, years = (part.to(self._device, non_blocking=True) for part in batch)
        now = torch.cuda.current_stream(self._device)
        now.wait_stream(self._stream)
        for part in (source, target, years):
            part.record_stream(now)  # else its memory could be reused while it is in use
        return source, target, years


def _ignore_signals(worker: int) -> None:
    """A terminal or scheduler signals all processes; workers read until the training has saved."""
    for number in (signal.SIGINT, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, frame: signal.alarm(GRACE))


def _unchanged(batch: Any) -> Any:
    return batch
