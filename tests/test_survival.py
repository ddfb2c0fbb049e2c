"""Whatever stops a run, at whatever moment: the end is that of a run that nothing stopped."""

import importlib
import json
import multiprocessing
import os
import random
import resource
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from safetensors.torch import load_file

from longibench.benchmark.core.files import UNFINISHED, file_digest
from longibench.benchmark.core.signals import RESUMABLE
from longibench.benchmark.core.workspace import TRAINED

DISTURBANCES = 12  # each kind twice
ITERATIONS = 90
USER_ERROR, INTERRUPTED, FINISHED = 2, 130, 0

pytestmark = pytest.mark.slow
Child = Callable[[list[str], Connection], None]
context = multiprocessing.get_context("forkserver")


def command(root: Path, plugin: Path, options: tuple[str, ...]) -> list[str]:
    return [
        *("longibench", "run", "--methods", "tiny", "--plugin", str(plugin)),
        *("--workspace", str(root), *options),
        *("--set", f"training.iterations={ITERATIONS}", "--set", "training.checkpoint_every=4"),
        *("--set", "training.ema.decay=0.9", "--set", "metrics.names=[ssim,fid]"),
    ]


CHILD = '''
"""The command line, in a process that a warm server forks: a module that it can import."""

import os
import sys

from longibench.cli import main


def run(arguments, said):
    """A pipe takes what is said: no disk that is full can lose it."""
    os.dup2(said.fileno(), 1)
    os.dup2(said.fileno(), 2)
    sys.argv = arguments
    main()
'''


@pytest.fixture
def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Child:
    (tmp_path / "survival_child.py").write_text(CHILD)
    monkeypatch.syspath_prepend(tmp_path)
    context.set_forkserver_preload(["cli", "benchmark.runs.runner", "lightning_fabric", "pandas"])
    found: Child = importlib.import_module("survival_child").run
    return found


@dataclass
class Run:
    """A run in a workspace of its own, and what was done to it."""

    root: Path
    child: Child
    arguments: list[str]
    damaged: set[Path] = field(default_factory=set)

    def start(self) -> tuple[ForkServerProcess, Connection]:
        """A process, and where to read what it says."""
        said, saying = context.Pipe(duplex=False)
        process = context.Process(target=self.child, args=(self.arguments, saying))
        process.start()
        saying.close()
        return process, said

    def finish(self) -> None:
        process, said = self.start()
        text = everything(said)
        process.join(120)
        assert process.exitcode == FINISHED, text


def everything(said: Connection) -> str:
    """What a process said until it ended."""
    with open(os.dup(said.fileno()), encoding="utf-8") as stream:
        return stream.read()


def signalled(number: signal.Signals) -> Callable[[Run, ForkServerProcess, random.Random], None]:
    def disturb(run: Run, process: ForkServerProcess, rng: random.Random) -> None:
        process.kill() if number == signal.SIGKILL else os.kill(process.pid or 0, number)

    return disturb


def fill_the_disk(run: Run, process: ForkServerProcess, rng: random.Random) -> None:
    """From now on a write beyond some hundred or thousand bytes fails in the middle of the file."""
    _, hard = resource.prlimit(process.pid or 0, resource.RLIMIT_FSIZE)
    resource.prlimit(process.pid or 0, resource.RLIMIT_FSIZE, (rng.choice([0, 300, 3000]), hard))


def truncate_a_checkpoint(run: Run, process: ForkServerProcess, rng: random.Random) -> None:
    """Damage the last checkpoint; if the training was complete, follow what the message advises."""
    process.kill()
    process.join()
    checkpoints = sorted(run.root.glob("models/tiny-*/step-*"))
    if checkpoints:
        file = rng.choice(sorted(checkpoints[-1].iterdir()))
        file.write_bytes(file.read_bytes()[: rng.randrange(file.stat().st_size)])
        run.damaged.add(checkpoints[-1])
        (checkpoints[-1].parent / TRAINED).unlink(missing_ok=True)


KINDS = {
    "SIGKILL": (signalled(signal.SIGKILL), {-signal.SIGKILL}),
    "SIGTERM": (signalled(signal.SIGTERM), {RESUMABLE}),
    "SIGUSR1": (signalled(signal.SIGUSR1), {RESUMABLE}),
    "SIGINT": (signalled(signal.SIGINT), {INTERRUPTED}),
    "full disk": (fill_the_disk, {USER_ERROR}),
    "truncated checkpoint": (truncate_a_checkpoint, {-signal.SIGKILL}),
}


def read_table(path: Path) -> None:
    assert path.read_text().endswith("\n")
    assert len(pd.read_csv(path).columns) > 1


def read_image(path: Path) -> None:
    assert np.isfinite(np.asanyarray(nib.Nifti1Image.from_filename(path).dataobj)).all()


def read_index(path: Path) -> None:
    for name, digest in json.loads(path.read_text())["sha256"].items():
        assert file_digest(path.parent / name) == digest


READERS: dict[str, Callable[[Path], object]] = {
    "index.json": read_index,
    "*.json": lambda path: json.loads(path.read_text()),
    "*.csv": read_table,
    "*.nii*": read_image,
    "*.safetensors": load_file,
}


def require_whole(run: Run) -> None:
    """Every file that a reader would trust can be read to its end."""
    for pattern, read in READERS.items():
        for path in run.root.rglob(pattern):
            unfinished = any(part.startswith(UNFINISHED) for part in path.parts)
            if not unfinished and run.damaged.isdisjoint(path.parents):
                read(path)


def outcome(root: Path) -> dict[str, str]:
    """What the run is for, by digest: weights, curve, volumes, scores; not how long it took."""
    found = {}
    (model,) = root.glob("models/tiny-*")
    last = model / f"step-{ITERATIONS:08d}"
    for path in (last / "weights.safetensors", last / "ema.safetensors"):
        found[path.name] = file_digest(path)
    found["losses"] = pd.read_csv(model / "losses.csv").drop(columns="seconds").to_csv()
    (predictions,) = root.glob("*/predictions/tiny-*")
    for path in sorted(predictions.glob("*.nii.gz")):
        volume = np.asanyarray(nib.Nifti1Image.from_filename(path).dataobj)
        found[path.name] = str(hash(volume.tobytes()))
    found["scores"] = (predictions / "scores.csv").read_text()
    return found


def test_disturbances_change_nothing(
    base: Path,
    tmp_path: Path,
    tiny: Path,
    options: tuple[str, ...],
    child: Child,
) -> None:
    def fresh(name: str) -> Run:
        root = Path(shutil.copytree(base, tmp_path / name))
        return Run(root, child, command(root, tiny, options))

    undisturbed = fresh("undisturbed")
    undisturbed.finish()  # loads what the next one has warm already
    began = time.monotonic()
    fresh("timed").finish()
    seconds, expected = time.monotonic() - began, outcome(undisturbed.root)

    rng, numbers, done = random.Random(0), count(), list[str]()
    run = fresh(f"run{next(numbers)}")
    while len(done) < DISTURBANCES:
        kind = list(KINDS)[len(done) % len(KINDS)]
        disturb, codes = KINDS[kind]
        process, said = run.start()
        time.sleep(rng.uniform(0.3, seconds))
        if process.is_alive():
            disturb(run, process, rng)
            done.append(kind)
        text = everything(said)
        process.join(120)
        assert process.exitcode in {FINISHED, *codes}, (kind, process.exitcode, text)
        assert "Traceback" not in text, text
        require_whole(run)
        if process.exitcode == FINISHED:
            assert outcome(run.root) == expected
            run = fresh(f"run{next(numbers)}")
    run.finish()
    assert outcome(run.root) == expected
