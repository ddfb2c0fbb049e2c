"""One process against two, the same global batch: differences of weights and losses.

    python docs/examples/compare_devices.py [STEPS]

Trains the demo's `ours` on a small grid, in float64 and float32, with one and with two processes on
the CPU (gloo), and prints the largest differences.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from longibench.benchmark.core.console import Console
from longibench.benchmark.preparation.store.volumes import write_volume
from longibench.benchmark.settings.loading import load_settings
from longibench.benchmark.settings.schema import DeviceSettings, TrainingSettings
from longibench.benchmark.training.checkpoints import load_latest
from longibench.benchmark.training.job import TrainingJob
from longibench.benchmark.training.loop import train
from longibench.benchmark.training.recipe import Recipe

SHAPE = (16, 16, 16)
STEPS = 50
PAIRS = 6


def pairs_in(folder: Path) -> pd.DataFrame:
    """Pairs of random volumes."""
    rng, rows = np.random.default_rng(0), []
    for number in range(PAIRS):
        paths = [folder / f"{number}-{visit}.nii" for visit in ("source", "target")]
        for path in paths:
            write_volume(path, rng.uniform(-1, 1, SHAPE).astype(np.float32), np.eye(4))
        rows.append((str(number), "y1", *map(str, paths), float(number)))
    columns = ["subject", "visit", "source", "target", "interval_years"]
    return pd.DataFrame(rows, columns=columns)


def main() -> None:
    """Train four times and compare."""
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else STEPS
    shape = f"grid.shape=[{','.join(map(str, SHAPE))}]"
    recipe = Recipe.of("ours", load_settings("demo", [shape]))
    training = TrainingSettings(iterations=steps, batch_size=4, checkpoint_every=steps)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pairs = pairs_in(folder)
        for precision in ("64-true", "32-true"):
            found = []
            for devices in (1, 2):
                device = DeviceSettings(
                    accelerator="cpu",
                    devices=devices,
                    precision=precision,  # type: ignore[arg-type]
                    threads=1,
                )
                model = folder / f"{precision}-{devices}"
                train(TrainingJob(recipe, training, device, pairs, 0, model, quiet=True))
                found.append(load_latest(model, Console(quiet=True)))
            one, two = found
            assert one is not None
            assert two is not None
            apart = max(float((one.weights[k] - two.weights[k]).abs().max()) for k in one.weights)
            losses = [np.array([row[2] for row in each.losses]) for each in (one, two)]
            deviation = float(np.abs(losses[0] / losses[1] - 1).max())
            print(
                f"{precision}: after {steps} steps the weights differ by {apart:.1e} at most, "
                f"the losses by {deviation:.1e} of their value"
            )


if __name__ == "__main__":
    main()
