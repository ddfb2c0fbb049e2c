"""Prepared volumes as tensors, in an order that a step number alone determines."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from benchmark.errors import UserError
from benchmark.preparation.intensity import BACKGROUND
from benchmark.preparation.volumes import load_nifti, read_into, read_volume, volume_shape
from benchmark.seeds import derive_seed

__all__ = [
    "BACKGROUND",
    "Pair",
    "PairDataset",
    "ShuffledBatches",
    "crop_to_shape",
    "load_nifti",
    "pad_to_multiple",
    "read_volume",
    "training_batches",
]


Pair = tuple[Tensor, Tensor, Tensor]


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
        """Args: pairs with ``source``, ``target``, ``interval_years``; what sides are padded to."""
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
        """What the loader asks for: a batch, or why there is none (workers lose exceptions)."""
        try:
            return self.batch(indices)
        except UserError as error:
            return error

    def batch(self, indices: Sequence[int]) -> Pair:
        """Pairs as sources and targets (B, 1, X, Y, Z) and intervals (B,).

        Every volume is decoded where it ends up: nothing is stacked or padded afterwards.

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
        # NumPy's memory comes in huge pages, where there are any: much faster to fill than torch's.
        batch = torch.from_numpy(np.empty((len(paths), 1, *padded), np.float32))
        if tuple(padded) != self._shape:
            batch.fill_(BACKGROUND)
        places = [volume[0].numpy() for volume in crop_to_shape(batch, self._shape)]
        # Reading lets go of the interpreter; a worker has one thread, as torch has there.
        with ThreadPoolExecutor(torch.get_num_threads()) as pool:
            list(pool.map(read_into, paths, places))
        return batch


class ShuffledBatches:
    """Endless shuffled batches of indices, from a given batch on.

    Every pass over the data is a permutation drawn from (seed, pass), so the batch at a step is
    known without the steps before it, and ranks take every n-th batch.
    """

    def __init__(self, size: int, batch_size: int, seed: int, start: int, stride: int = 1) -> None:
        self._size, self._batch_size, self._seed = size, batch_size, seed
        self._start, self._stride = start, stride

    def __iter__(self) -> Iterator[list[int]]:
        number = self._start
        while True:
            first = number * self._batch_size
            yield [self._index(position) for position in range(first, first + self._batch_size)]
            number += self._stride

    def _index(self, position: int) -> int:
        turn, place = divmod(position, self._size)
        if turn != getattr(self, "_turn", None):
            generator = torch.Generator().manual_seed(derive_seed("order", self._seed, turn))
            self._turn, self._order = turn, torch.randperm(self._size, generator=generator)
        return int(self._order[place])


def training_batches(
    dataset: PairDataset, batches: ShuffledBatches, workers: int
) -> Iterator[Pair]:
    """Read batches, (B, 1, X, Y, Z) twice and (B,), for ever.

    Raises:
        UserError: A volume cannot be read or has another shape.
    """
    loader: DataLoader[Pair] = DataLoader(
        dataset,
        batch_sampler=batches,
        num_workers=workers,
        collate_fn=_as_it_is,
        persistent_workers=workers > 0,
        pin_memory=torch.cuda.is_available(),
        generator=torch.Generator(),  # else opening it draws from the global one, in mid-step
    )
    for batch in loader:
        if isinstance(batch, UserError):
            raise batch
        source, target, years = batch  # pinning makes a list of it
        yield source, target, years


def _as_it_is(batch: Any) -> Any:
    return batch
