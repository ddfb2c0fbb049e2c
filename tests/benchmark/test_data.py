from itertools import chain, islice
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import torch

from benchmark.data import (
    PairDataset,
    ShuffledBatches,
    crop_to_shape,
    pad_to_multiple,
    training_batches,
)


@pytest.mark.parametrize("shape", [(16, 20, 16), (15, 17, 9), (8, 8, 8)])
def test_padding_is_even_dark_and_undone_by_cropping(shape: tuple[int, int, int]) -> None:
    volume = torch.rand(2, 1, *shape)
    padded = pad_to_multiple(volume, 8)
    assert all(
        side % 8 == 0 and side - 8 < old for side, old in zip(padded.shape[2:], shape, strict=True)
    )
    assert torch.equal(crop_to_shape(padded, shape), volume)
    assert padded.sum() == pytest.approx(
        float(volume.sum()) - (padded.numel() - volume.numel()), rel=1e-5
    )


def first(size: int, batch: int, count: int, start: int = 0, stride: int = 1) -> list[list[int]]:
    return list(islice(ShuffledBatches(size, batch, 0, start, stride), count))


def test_every_pass_holds_every_pair_once_in_another_order() -> None:
    batches = first(size=10, batch=2, count=10)
    passes = [list(chain(*batches[:5])), list(chain(*batches[5:]))]
    assert all(sorted(order) == list(range(10)) for order in passes)
    assert passes[0] != passes[1]


def test_a_batch_follows_from_its_number_alone() -> None:
    batches = first(size=7, batch=3, count=12)
    assert first(size=7, batch=3, count=5, start=7) == batches[7:]
    assert sorted(chain(*batches[:7])) == sorted(list(range(7)) * 3)


def test_ranks_share_the_batches() -> None:
    batches = first(size=7, batch=3, count=12)
    assert first(7, 3, 6, start=0, stride=2) == batches[::2]
    assert first(7, 3, 6, start=1, stride=2) == batches[1::2]


@pytest.mark.parametrize("workers", [0, 1])
def test_pairs_become_tensors(tmp_path: Path, workers: int) -> None:
    values = np.random.default_rng(0).uniform(-1, 1, (9, 8, 8)).astype(np.float32)
    for name, volume in (("s", values), ("t", -values)):
        nib.save(nib.Nifti1Image(volume, np.eye(4)), tmp_path / f"{name}.nii")
    pairs = pd.DataFrame(
        {
            "source": [str(tmp_path / "s.nii")],
            "target": [str(tmp_path / "t.nii")],
            "interval_years": [2.5],
        }
    )
    batches = training_batches(PairDataset(pairs, 8), ShuffledBatches(1, 2, 0, 0), workers)
    source, target, years = next(batches)
    assert source.shape == target.shape == (2, 1, 16, 8, 8)
    assert torch.equal(crop_to_shape(source, (9, 8, 8))[0, 0], torch.from_numpy(values))
    assert torch.equal(crop_to_shape(target, (9, 8, 8)), -crop_to_shape(source, (9, 8, 8)))
    assert years.tolist() == [2.5, 2.5]
