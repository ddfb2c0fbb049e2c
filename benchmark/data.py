"""Prepared volumes as tensors, in an order that a step number alone determines."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from benchmark.seeds import derive_seed

BACKGROUND = -1.0  # darkest value of the range [-1, 1]

Pair = tuple[Tensor, Tensor, Tensor]


def load_nifti(path: str | Path) -> nib.Nifti1Image:
    """Open a NIfTI file; voxels are read on access."""
    return nib.Nifti1Image.from_filename(str(path))


def read_volume(path: str) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Read a volume, (X, Y, Z) float32."""
    return np.asarray(load_nifti(path).dataobj, dtype=np.float32)


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
        self._rows = list(
            zip(pairs["source"], pairs["target"], pairs["interval_years"], strict=True)
        )
        self._multiple = multiple

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Pair:
        source, target, years = self._rows[index]
        return self._read(source), self._read(target), torch.tensor(years, dtype=torch.float32)

    def _read(self, path: str) -> Tensor:
        volume = torch.from_numpy(read_volume(path).copy())[None]
        return pad_to_multiple(volume, self._multiple)


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
    """Read batches, (B, 1, X, Y, Z) twice and (B,), for ever."""
    loader: DataLoader[Pair] = DataLoader(
        dataset,
        batch_sampler=batches,
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=torch.cuda.is_available(),
        generator=torch.Generator(),  # else opening it draws from the global one, in mid-step
    )
    return iter(loader)
