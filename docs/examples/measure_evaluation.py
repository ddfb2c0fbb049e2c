"""Measures the cost of evaluation: ``python docs/examples/measure_evaluation.py FOLDER 500``.

Simulates the phantom at 2.5 mm (64x80x64) once, writes stand-ins for generated follow-ups (half of
the true change, and noise), and scores the given numbers of them in turn, with the default metrics
and the embedded extractor, each number in a separate process: seconds, and the peak memory of the
process. ``--set`` changes settings, so that two versions can be compared on the same volumes:
``--set metrics.extractor=embedded:1 --set metrics.segmentation=embedded:1``.
"""

import argparse
import json
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from longibench.benchmark.cohorts.open_cohort import open_cohort
from longibench.benchmark.cohorts.phantom.dataset import write_phantom
from longibench.benchmark.core.console import Console
from longibench.benchmark.core.workspace import Workspace
from longibench.benchmark.evaluation.evaluate import Evaluator, Label
from longibench.benchmark.evaluation.external_protocol import Choice, build_scoring_protocol
from longibench.benchmark.evaluation.predictions import Predictions, find_predictions
from longibench.benchmark.preparation.store.volumes import load_nifti, read_volume, write_volume
from longibench.benchmark.protocol.pairs import make_pairs
from longibench.benchmark.protocol.protocol_metrics import build_metrics
from longibench.benchmark.settings.loading import load_settings
from longibench.benchmark.settings.phantom import PhantomSettings
from longibench.benchmark.settings.schema import Settings

SUBJECTS = 140  # about 560 pairs of one a year


def main() -> None:
    """Prepare once, then measure each number in a fresh process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("counts", type=int, nargs="+")
    parser.add_argument("--workers", type=int, default=0, help="threads; 0: one per core")
    parser.add_argument("--set", action="append", default=[], metavar="SETTING=VALUE")
    parser.add_argument("--one", action="store_true", help="measure here, in this process")
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measure(given.folder, given.counts[0], given.workers, given.set)))
        return
    pairs = real_pairs(given.folder)
    print("| volumes | seconds | seconds per volume | peak memory, MB |", flush=True)
    print("| ---: | ---: | ---: | ---: |", flush=True)
    for count in given.counts:
        write_stand_ins(given.folder / str(count), pairs, count)
        command = [sys.executable, __file__, str(given.folder), str(count), "--one"]
        command += ["--workers", str(given.workers)]
        command += [word for change in given.set for word in ("--set", change)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        found = json.loads(done.stdout.splitlines()[-1])
        each = found["seconds"] / count
        print(f"| {count} | {found['seconds']:.0f} | {each:.2f} | {found['mb']:.0f} |", flush=True)


def settings_of(folder: Path, changes: list[str]) -> Settings:
    """The half preset on the phantom, with an extractor that needs no download."""
    usual = [f"cohort=bids:{folder / 'phantom'}", "metrics.extractor=embedded"]
    return load_settings("half", [*usual, *changes])


def real_pairs(folder: Path) -> pd.DataFrame:
    """The phantom's pairs on the grid; simulated and prepared once."""
    if not (folder / "phantom").is_dir():
        study = PhantomSettings(subjects=SUBJECTS, spacing_mm=2.5, seed=4)
        write_phantom(folder / "phantom", study, Console())
    settings, workspace = settings_of(folder, []), Workspace(folder / "runs")
    visits = open_cohort(settings.cohort, settings, workspace, Console()).visits
    pairs = make_pairs(visits.assign(volume=visits["path"]), settings.pairs)
    listed = pairs[["subject", "visit"]].assign(sample=0, generated="")
    every = Predictions(folder, folder, listed)
    return build_scoring_protocol(settings, workspace, Console(), every, Choice()).test_pairs


def write_stand_ins(folder: Path, pairs: pd.DataFrame, count: int) -> None:
    """Write a number of volumes, with several samples a pair if there are too few pairs."""
    samples = -(-count // len(pairs))
    rows = []
    for row in pairs.head(-(-count // samples)).itertuples():
        source, target = read_volume(str(row.source)), read_volume(str(row.target))
        for sample in range(samples):
            name = f"{row.subject}_{row.visit}_{sample}.nii"
            rng = np.random.default_rng([int(str(row.Index)), sample])
            noise = 0.05 * rng.standard_normal(source.shape) * (source > -1)
            voxels = np.clip((source + target) / 2 + noise, -1, 1).astype(np.float32)
            if not (folder / name).is_file():
                write_volume(folder / name, voxels, load_nifti(str(row.source)).affine)
            rows.append((row.subject, row.visit, sample, name))
    table = pd.DataFrame(rows, columns=["subject", "visit", "sample", "generated"])
    table.to_csv(folder / "manifest.csv", index=False)
    pairs.head(-(-count // samples)).to_csv(folder / "pairs.csv", index=False)


def measure(folder: Path, count: int, workers: int, changes: list[str]) -> dict[str, Any]:
    """Score one folder without cached values."""
    place = folder / str(count)
    shutil.rmtree(place / "measured", ignore_errors=True)
    pairs = pd.read_csv(place / "pairs.csv", dtype={"subject": str, "visit": str})
    began = time.monotonic()
    metrics = build_metrics(settings_of(folder, changes).metrics, place / "measured")
    evaluator = Evaluator(metrics, pairs, Console(), place / "measured", workers)
    scores = evaluator.score(find_predictions(place), Label("", "", "stand-in", "", 0))
    seconds = time.monotonic() - began
    scores.to_csv(place / "scores.csv", index=False)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    return {"seconds": seconds, "mb": peak, "metrics": [metric.name for metric in metrics]}


if __name__ == "__main__":
    main()
