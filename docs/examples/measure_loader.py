"""Measures loaders for docs/store.md: pairs per second, memory and start-up, compared.

``python docs/examples/measure_loader.py [subjects]``. Every loader runs in a separate process,
without workers. All return the same pairs in batches of two, shuffled.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

SHAPE = (128, 160, 128)
BATCH = 2
FOLLOW_UPS = 5
ROUNDS = 3
KEYS = ("source", "target")

Loader = Callable[[Path], Iterable[Any]]


@dataclass(frozen=True)
class Cost:
    """Cost of a loader.

    Attributes:
        pairs_per_second: After warm-up; of the fastest tenth of the batches, because other load on
            the machine only makes batches slower.
        memory_mb: Growth of the process (unique set size) since before the loader.
        start_seconds: Until the first batch, with files in the page cache.
    """

    pairs_per_second: float
    memory_mb: float
    start_seconds: float


def write_pairs(folder: Path, subjects: int) -> None:
    """Write synthetic brains, as .nii.gz and as in the store: a third is not background."""
    import nibabel as nib
    from scipy import ndimage

    from longibench.benchmark.preparation.store.volumes import STEPS, write_volume

    rng = np.random.default_rng(0)
    axes = np.meshgrid(*[np.linspace(-1, 1, side) for side in SHAPE], indexing="ij")
    inside = sum(axis**2 for axis in axes) < 0.74
    tissue = ndimage.gaussian_filter(rng.normal(size=SHAPE), 3)
    tissue *= 0.5 / np.abs(tissue).max()
    for subject in range(subjects):
        for visit in range(FOLLOW_UPS + 1):
            noisy = tissue + rng.normal(0, 0.02, SHAPE)
            volume = np.where(inside, noisy, -1).astype(np.float32)
            name = f"{subject}-{visit}"
            write_volume(folder / f"{name}.nii", volume, np.diag([1.5, 1.5, 1.5, 1]))
            image = nib.Nifti1Image(np.rint(volume * STEPS).astype(np.int16), np.eye(4))
            image.header.set_slope_inter(1 / STEPS, 0)
            nib.save(image, folder / f"{name}.nii.gz")


def pair_table(folder: Path, suffix: str) -> pd.DataFrame:
    """Source, target and interval of every pair in a folder."""
    targets = sorted(path for path in folder.glob(f"*{suffix}") if "-0." not in path.name)
    rows = [
        (str(folder / f"{path.name.split('-')[0]}-0{suffix}"), str(path), 1.0) for path in targets
    ]
    return pd.DataFrame(rows, columns=[*KEYS, "interval_years"])


def ours(folder: Path) -> Iterator[Any]:
    """The project's loader, over volumes of the store."""
    import torch

    from longibench.benchmark.training.pair_loader import (
        Division,
        MicroBatches,
        PairDataset,
        ShuffledPairs,
        training_batches,
    )

    pairs = pair_table(folder, ".nii")
    order = MicroBatches(ShuffledPairs(len(pairs), 0), Division(BATCH, BATCH), 0)
    return training_batches(PairDataset(pairs, 32), order, 0, torch.device("cpu"))


def by_monai(folder: Path, kind: str) -> Iterator[Any]:
    """A dataset of MONAI over .nii.gz; with plain tensors, which are fastest in its caches."""
    from monai.data import CacheDataset, DataLoader, Dataset, PersistentDataset
    from monai.transforms import Compose, EnsureChannelFirstd, EnsureTyped, LoadImaged

    items = pair_table(folder, ".nii.gz").to_dict("records")
    steps = Compose(
        [LoadImaged(KEYS), EnsureChannelFirstd(KEYS), EnsureTyped(KEYS, track_meta=False)]
    )
    makers: dict[str, Callable[[], Any]] = {
        "Dataset": lambda: Dataset(items, steps),
        "PersistentDataset": lambda: PersistentDataset(items, steps, cache_dir=folder / "cache"),
        "CacheDataset": lambda: CacheDataset(items, steps, progress=False),
    }
    loader = DataLoader(makers[kind](), batch_size=BATCH, shuffle=True)
    while True:
        yield from loader


LOADERS: dict[str, Loader] = {
    ".nii.gz every time": lambda folder: by_monai(folder, "Dataset"),
    "PersistentDataset": lambda folder: by_monai(folder, "PersistentDataset"),
    "CacheDataset": lambda folder: by_monai(folder, "CacheDataset"),
    "ours": ours,
}


def measure(name: str, folder: Path, batches: int) -> Cost:
    """One loader's cost in this process."""
    import monai.data  # noqa: F401  imported before the clock starts, for all loaders
    import psutil

    import longibench.benchmark.training.pair_loader  # noqa: F401

    before = psutil.Process().memory_full_info().uss
    began = time.perf_counter()
    loader = iter(LOADERS[name](folder))
    next(loader)
    start = time.perf_counter() - began
    for _ in islice(loader, batches):  # all pairs once
        pass
    seconds = []
    for _ in range(batches):
        began = time.perf_counter()
        batch = next(loader)
        seconds.append(time.perf_counter() - began)
    grown = psutil.Process().memory_full_info().uss - before
    del batch
    return Cost(BATCH / float(np.quantile(seconds, 0.1)), grown / 1e6, start)


def alone(name: str, folder: Path, batches: int) -> Cost:
    """``measure`` in a new process."""
    command = [sys.executable, "-W", "ignore", __file__, "one", name, str(folder), str(batches)]
    seen = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=seen)
    return Cost(**json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """Print one row per loader: median and best of the rounds, in which the loaders alternate."""
    subjects = int(sys.argv[1]) if len(sys.argv) > 1 else 8
    with tempfile.TemporaryDirectory() as name:
        folder, batches = Path(name), subjects * FOLLOW_UPS // BATCH
        write_pairs(folder, subjects)
        alone("PersistentDataset", folder, batches)  # fills its cache
        costs: dict[str, list[Cost]] = {loader: [] for loader in LOADERS}
        for _ in range(ROUNDS):
            for loader, measured in costs.items():
                measured.append(alone(loader, folder, batches))
    print(f"{subjects * FOLLOW_UPS} pairs")
    for loader, measured in costs.items():
        speeds = [cost.pairs_per_second for cost in measured]
        memory = statistics.median(cost.memory_mb for cost in measured)
        start = statistics.median(cost.start_seconds for cost in measured)
        print(
            f"{loader:20} {statistics.median(speeds):8.1f} {max(speeds):8.1f} pairs/s"
            f" {memory:8.0f} MB {start:8.2f} s"
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["one"]:
        print(json.dumps(asdict(measure(sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])))))
    else:
        main()
