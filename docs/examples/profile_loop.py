"""The harness's cost of a training step, with a method that does almost nothing.

    python docs/examples/profile_loop.py [STEPS]

Prints milliseconds a step and the functions that take them. A separate thread reads ahead and does
not count for the loop; with a method that does nothing, the loop waits for it.
"""

import cProfile
import pstats
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from longibench.benchmark.preparation.store.volumes import write_volume
from longibench.benchmark.settings.schema import DeviceSettings, TrainingSettings
from longibench.benchmark.training.job import TrainingJob
from longibench.benchmark.training.loop import train
from longibench.benchmark.training.recipe import Recipe
from longibench.methods.method import Method

SHAPE = (8, 8, 8)
STEPS = 2000
SHOWN = 15  # functions


class Empty(Method, name="empty"):
    """One weight."""

    def __init__(self, settings: Any, shape: tuple[int, int, int]) -> None:
        super().__init__(settings, shape)
        self.weight = torch.nn.Parameter(torch.ones(()))

    def training_loss(self, source: Tensor, target: Tensor, interval_years: Tensor) -> Tensor:
        """The weight, squared."""
        return self.weight.square()

    def generate(self, source: Tensor, interval_years: Tensor, seeds: Tensor) -> Tensor:
        """The source."""
        return source


def job(folder: Path, steps: int) -> TrainingJob:
    """A training on four tiny volumes, without intermediate checkpoints."""
    paths = [folder / f"{number}.nii" for number in range(4)]
    for path in paths:
        write_volume(path, np.zeros(SHAPE, np.float32), np.eye(4))
    names = [str(path) for path in paths]
    pairs = pd.DataFrame({"source": names, "target": names, "interval_years": 1.0})
    training = TrainingSettings(iterations=steps, checkpoint_every=steps)
    device = DeviceSettings(accelerator="cpu", threads=1)
    recipe, model = Recipe("empty", {}, SHAPE), folder / f"model-{steps}"
    return TrainingJob(recipe, training, device, pairs, 0, model, quiet=True)


def spent(work: TrainingJob) -> tuple[float, float]:
    """Wall-clock seconds, and CPU seconds of this thread."""
    clock, thread = time.perf_counter(), time.thread_time()
    train(work)
    return time.perf_counter() - clock, time.thread_time() - thread


def main() -> None:
    """Measure, then profile."""
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else STEPS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        train(job(folder, 10))  # imports
        short, long = (spent(job(folder, count)) for count in (steps // 10, steps))
        # the difference excludes the time of starting
        clock, thread = (
            1e3 * (b - a) / (steps - steps // 10) for a, b in zip(short, long, strict=True)
        )
        print(f"{thread:.3f} ms per step, over {steps} steps, in the thread of the loop")
        print(f"{clock:.3f} ms by the clock, including the wait for the two volumes of a step")
        profile = cProfile.Profile()
        profile.runcall(train, job(folder, steps + 1))
        pstats.Stats(profile).sort_stats("tottime").print_stats(SHOWN)


if __name__ == "__main__":
    main()
