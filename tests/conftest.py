"""A tiny workspace made once, a tiny method that fails on request, and the command line."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

if TYPE_CHECKING:  # tests of no volume start without torch
    from longibench.benchmark.cohorts.phantom.ageing import TissueModes
    from longibench.benchmark.cohorts.phantom.progression import Modes
    from longibench.benchmark.cohorts.phantom.template import Template

TINY = '''
"""A method of a few weights that fails as TINY_DO names it, such as SIGKILL:step:7."""

import os
import signal

import torch
from torch import Tensor, nn

from methods.method import Method, MethodSettings
from methods.noise import SeededNoise

CALLS = {"step": 0, "generate": 0}


def happen(kind: str) -> float:
    CALLS[kind] += 1
    what, where, number = os.environ.get("TINY_DO", "nothing:nowhere:0").split(":")
    if (where, int(number)) != (kind, CALLS[kind]):
        return 1.0
    if what == "nan":
        return float("nan")
    os.kill(os.getpid(), getattr(signal, what))
    return 1.0


class Tiny(Method, name="tiny"):
    summary = "one convolution and some noise"
    multiple = 8  # 20 voxels are not divisible by it

    def __init__(self, settings: MethodSettings, shape: tuple[int, int, int]) -> None:
        super().__init__(settings, shape)
        self.layers = nn.Sequential(nn.Conv3d(1, 2, 3, padding=1), nn.BatchNorm3d(2),
                                    nn.Dropout(0.2), nn.Conv3d(2, 1, 1))

    def training_loss(self, source: Tensor, target: Tensor, interval_years: Tensor) -> Tensor:
        noisy = source + 0.1 * torch.randn(source.shape)
        return (self.layers(noisy) - target).square().mean() * happen("step")

    def generate(self, source: Tensor, interval_years: Tensor, seeds: Tensor) -> Tensor:
        happen("generate")
        assert all(side % self.multiple == 0 for side in source.shape[2:])
        years = interval_years[:, None, None, None, None]
        change = self.layers(source) * years + SeededNoise(seeds).like(source)
        return (source + 0.01 * change).clamp(-1, 1)
'''

OPTIONS = (
    "--quiet",
    *("--set", "phantom.subjects=10"),
    *("--set", "split.test=3"),
    *("--set", "grid.shape=[16,20,16]"),
    *("--set", "grid.spacing_mm=8"),
    *("--set", "training.iterations=12"),
    *("--set", "training.checkpoint_every=3"),
    *("--set", "training.batch_size=2"),
    *("--set", "generation.batch_size=1"),
    *("--set", "device.threads=1"),
    *("--set", "device.accelerator=cpu"),
    *("--set", "reference_rows=false"),
)


@dataclass(frozen=True)
class Result:
    """The result of a command: its exit code and its two streams."""

    code: int
    out: str
    err: str


def _main(arguments: list[str]) -> int:
    from longibench.cli import main

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["longibench", *arguments])
        try:
            main()
        except SystemExit as ending:
            return int(ending.code or 0)
    return 0


class Built:
    """MNI152 with the first version's modes, and the elderly template with the second's."""

    @cached_property
    def mni(self) -> "Template":
        from longibench.benchmark.cohorts.phantom.template import load_template

        return load_template()

    @cached_property
    def clean_modes(self) -> "Modes":
        from longibench.benchmark.cohorts.phantom.progression import atrophy_modes

        return atrophy_modes(self.mni)

    @cached_property
    def elderly(self) -> "Template":
        from longibench.benchmark.cohorts.phantom.ageing import age

        return age(self.mni)

    @cached_property
    def modes(self) -> "TissueModes":
        from longibench.benchmark.cohorts.phantom.ageing import tissue_modes
        from longibench.benchmark.cohorts.phantom.volumes import Volumes

        return tissue_modes(self.elderly, Volumes(self.elderly))


@pytest.fixture(scope="session")
def built() -> Built:
    """The templates of the phantom, each built when it is first used."""
    return Built()


@pytest.fixture(scope="session")
def templates(built: Built) -> Iterator[None]:
    """Simulations in this process share their templates, which do not depend on settings."""
    from longibench.benchmark.cohorts.phantom import clean, people, simulation

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simulation, "load_template", lambda: built.mni)
        patch.setattr(clean, "atrophy_modes", lambda _: built.clean_modes)
        patch.setattr(people, "age", lambda _: built.elderly)
        patch.setattr(people, "tissue_modes", lambda *_: built.modes)
        yield


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], templates: None) -> Callable[..., Result]:
    """Run a command in this process; an unforeseen exception fails the test."""

    def call(*arguments: object) -> Result:
        capsys.readouterr()
        code = _main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    return call


@pytest.fixture(scope="session")
def options() -> tuple[str, ...]:
    """Options of ``run`` for a small run."""
    return OPTIONS


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The file of the tiny method."""
    path = tmp_path_factory.mktemp("plugin") / "tiny.py"
    path.write_text(TINY)
    yield path
    from longibench.benchmark.settings.plugins import plugin_name
    from longibench.methods.method import REGISTRY

    REGISTRY.pop("tiny", None)
    sys.modules.pop(plugin_name(path), None)


@pytest.fixture
def tiny_does(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Set how the tiny method fails, and at which call from now on."""

    from longibench.benchmark.settings.plugins import plugin_name

    def set_failure(what: str) -> None:
        monkeypatch.setenv("TINY_DO", what)
        module: Any = sys.modules.get(plugin_name(tiny))
        if module:
            module.CALLS.update(step=0, generate=0)

    return set_failure


@pytest.fixture(scope="session")
def command(templates: None) -> Callable[[list[str]], int]:
    """Run a command in this process, for fixtures of several tests; returns its exit code."""
    return _main


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory, templates: None) -> Path:
    """A workspace in which ``copy-source`` has run; tests must not write to it."""
    root = tmp_path_factory.mktemp("base") / "runs"
    code = _main(["run", "--methods", "copy-source", "--workspace", str(root), *OPTIONS])
    assert code == 0
    return root


@pytest.fixture
def workspace(base: Path, tmp_path: Path) -> Path:
    """A copy of the base workspace."""
    return Path(shutil.copytree(base, tmp_path / "runs"))


@pytest.fixture
def protocol(workspace: Path) -> Path:
    """The folder of the workspace's protocol."""
    return workspace / (workspace / "latest").read_text().strip()


@pytest.fixture
def predictions(protocol: Path) -> Path:
    """The predictions of ``copy-source``."""
    (folder,) = (protocol / "predictions").glob("copy-source-*")
    return folder


@pytest.fixture
def pairs(protocol: Path) -> pd.DataFrame:
    """The protocol's pairs, with paths that can be opened."""
    from longibench.benchmark.evaluation.evaluate import read_pairs

    return read_pairs(protocol)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of the real pair."""
    given = os.environ.get("LONGIBENCH_REAL_DATA")
    if not given:
        pytest.skip("$LONGIBENCH_REAL_DATA does not name the folder of the real scans")
    return Path(given) / "ms-longitudinal"
