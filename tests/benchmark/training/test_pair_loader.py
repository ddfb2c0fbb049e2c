from contextlib import closing
from itertools import chain, islice
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import torch

from longibench.benchmark.core.errors import UserError
from longibench.benchmark.preparation.store.volumes import read_volume, write_volume
from longibench.benchmark.training.pair_loader import (
    Division,
    MicroBatches,
    Pair,
    PairDataset,
    ShuffledPairs,
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


def micro_batches(size: int, division: Division, count: int, start: int = 0) -> list[list[int]]:
    return list(islice(MicroBatches(ShuffledPairs(size, 0), division, start), count))


def test_every_epoch_has_every_pair_once_in_another_order() -> None:
    batches = micro_batches(10, Division(2, 2), 10)
    epochs = [list(chain(*batches[:5])), list(chain(*batches[5:]))]
    assert all(sorted(order) == list(range(10)) for order in epochs)
    assert epochs[0] != epochs[1]


def test_the_pairs_of_an_optimizer_step_follow_from_its_number_alone() -> None:
    batches = micro_batches(7, Division(3, 3), 12)
    assert micro_batches(7, Division(3, 3), 5, start=7) == batches[7:]
    assert sorted(chain(*batches[:7])) == sorted(list(range(7)) * 3)


@pytest.mark.parametrize(("micro", "world"), [(6, 1), (3, 1), (1, 1), (3, 2), (1, 2), (2, 3)])
def test_an_optimizer_step_has_the_same_pairs_for_every_division(micro: int, world: int) -> None:
    whole = micro_batches(7, Division(6, 6), 5)
    each = Division(6, micro, world).micro_batches
    parts = [micro_batches(7, Division(6, micro, world, rank), 5 * each) for rank in range(world)]
    for step in range(5):
        seen = [part[step * each : (step + 1) * each] for part in parts]
        assert list(chain(*chain(*zip(*seen, strict=True)))) == whole[step]


def test_another_seed_is_another_order() -> None:
    pairs = [ShuffledPairs(20, seed) for seed in (0, 1, 0)]
    orders = [[order[position] for position in range(20)] for order in pairs]
    assert orders[0] == orders[2] != orders[1]


SHAPE = (9, 8, 8)
CPU = torch.device("cpu")


@pytest.fixture
def dataset(tmp_path: Path) -> PairDataset:
    """Five pairs of one subject, numbered by their intervals."""
    rng = np.random.default_rng(0)
    for visit in range(6):
        volume = rng.uniform(-1, 1, SHAPE).astype(np.float32)
        write_volume(tmp_path / f"{visit}.nii", volume, np.eye(4))
    rows = [(str(tmp_path / "0.nii"), str(tmp_path / f"{v}.nii"), float(v)) for v in range(1, 6)]
    return PairDataset(pd.DataFrame(rows, columns=["source", "target", "interval_years"]), 8)


def batches(dataset: PairDataset, count: int, workers: int = 0, start: int = 0) -> list[Pair]:
    order = MicroBatches(ShuffledPairs(len(dataset), 0), Division(2, 2), start)
    with closing(training_batches(dataset, order, workers, CPU)) as reading:
        return list(islice(reading, count))


def same(one: list[Pair], other: list[Pair]) -> bool:
    return len(one) == len(other) and all(
        torch.equal(a, b)
        for x, y in zip(one, other, strict=True)
        for a, b in zip(x, y, strict=True)
    )


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_batches_follow_from_seed_and_step_alone(dataset: PairDataset, workers: int) -> None:
    whole = batches(dataset, 8)
    assert same(batches(dataset, 8, workers), whole)
    assert same(batches(dataset, 3, workers, start=5), whole[5:])


def test_a_batch_has_the_volumes_padded_with_background(dataset: PairDataset) -> None:
    source, target, years = dataset.batch([3, 0])
    assert source.shape == target.shape == (2, 1, 16, 8, 8)
    assert source.dtype == target.dtype == years.dtype == torch.float32
    assert source.is_contiguous()
    assert years.tolist() == [4, 1]
    one = [part[None] for part in dataset[3]]
    assert all(torch.equal(a[:1], b) for a, b in zip((source, target, years), one, strict=True))
    path = Path(dataset._rows[3][1])
    expected = pad_to_multiple(torch.from_numpy(read_volume(path)), 8)
    assert torch.equal(target[0, 0], expected)
    source[0] = 5  # a batch is the caller's: it is not cached
    assert not torch.equal(dataset.batch([3])[0], source[:1])


def test_volumes_made_elsewhere_are_batched_too(tmp_path: Path) -> None:
    values = np.random.default_rng(0).uniform(-1, 1, SHAPE).astype(np.float32)
    for name, volume in (("s", values), ("t", -values)):
        nib.save(nib.Nifti1Image(volume, np.eye(4)), tmp_path / f"{name}.nii.gz")
    row = {"source": f"{tmp_path}/s.nii.gz", "target": f"{tmp_path}/t.nii.gz"}
    source, target, years = PairDataset(pd.DataFrame([row | {"interval_years": 2.5}]), 8)[0]
    assert torch.equal(crop_to_shape(source, SHAPE)[0], torch.from_numpy(values))
    assert torch.equal(crop_to_shape(target, SHAPE), -crop_to_shape(source, SHAPE))
    assert years == 2.5


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("damage", ["is cut off", "No such file"])
def test_a_volume_lost_during_training_is_named(
    dataset: PairDataset, tmp_path: Path, workers: int, damage: str
) -> None:
    path = tmp_path / "3.nii"
    data = path.read_bytes()
    path.unlink()
    if damage == "is cut off":
        path.write_bytes(data[:-100])
    with pytest.raises(UserError, match=rf"^{path}: cannot be read: .*{damage}.*same command"):
        batches(dataset, 3, workers)


def test_volumes_of_several_shapes_are_refused(dataset: PairDataset, tmp_path: Path) -> None:
    write_volume(tmp_path / "3.nii", np.zeros((8, 8, 9), np.float32), np.eye(4))
    with pytest.raises(UserError, match=r"3\.nii: its shape is \(8, 8, 9\)"):
        dataset.batch([2])
