"""The wheel in an environment where others have packages of our names, from an empty folder."""

import importlib.util
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest

from longibench import SHORT_NAMES
from longibench.benchmark.runs.launchers.ray import ENVIRONMENT

ROOT = Path(__file__).parents[1]
FILES = ("cli.py", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE")
FEW = ("--set", "metrics.names=[ssim,worst-error]", "--set", "training.iterations=2")
PLUGINS = ("my_method.py", "my_metric.py")
SDIST = "from setuptools import build_meta; build_meta.build_sdist('dist')"

pytestmark = pytest.mark.slow


def call(*command: object, cwd: Path, places: Sequence[Path] = ()) -> str:
    """What a command prints on stdout."""
    environment = {
        **os.environ,
        **ENVIRONMENT,
        "RAY_ADDRESS": "local",
        "PYTHONPATH": os.pathsep.join(map(str, places)),
    }
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout, in which a build of an earlier layout was left."""
    place = tmp_path_factory.mktemp("checkout")
    without = shutil.ignore_patterns("__pycache__")
    for name in (*SHORT_NAMES, "longibench"):
        shutil.copytree(ROOT / name, place / name, symlinks=True, ignore=without)
    for name in FILES:
        shutil.copy(ROOT / name, place)
    left = place / "build" / "lib" / "methods" / "old.py"
    left.parent.mkdir(parents=True)
    left.write_text("")
    return place


@pytest.fixture(scope="module")
def site(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, installed into a folder of its own."""
    place = tmp_path_factory.mktemp("environment") / "site-packages"
    pip = (sys.executable, "-m", "pip", "--quiet")
    call(*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", "dist", ".", cwd=checkout)
    (wheel,) = (checkout / "dist").glob("*.whl")
    call(*pip, "install", "--no-deps", "--no-index", "--target", place, wheel, cwd=checkout)
    return place


@pytest.fixture(scope="module")
def environment(site: Path) -> list[Path]:
    """The wheel, and somebody else's packages before it."""
    foreign = site.parent / "foreign"
    for name in SHORT_NAMES:
        (foreign / name).mkdir(parents=True)
        (foreign / name / "__init__.py").write_text("raise AssertionError('it is not ours')\n")
    return [foreign, site]


def files_under(place: Path, *names: str) -> set[str]:
    """Paths of the files in some folders of a place."""
    found = [path for name in names for path in (place / name).rglob("*.*") if path.is_file()]
    return {str(path.relative_to(place)) for path in found if path.suffix != ".pyc"}


def test_the_wheel_and_the_sdist_hold_one_package_with_all_files(
    site: Path, checkout: Path
) -> None:
    own = files_under(checkout, *SHORT_NAMES) | {"cli.py", "__init__.py"}
    data = {f"metrics/data/{name}" for name in ("anatomy.safetensors", "detectable.csv")}
    assert {"benchmark/settings/presets/demo.yaml", *data} <= own
    assert {path.name.partition("-")[0] for path in site.iterdir()} == {"longibench", "bin"}
    assert files_under(site, "longibench") == {f"longibench/{name}" for name in own}
    call(sys.executable, "-c", SDIST, cwd=checkout)
    (sdist,) = (checkout / "dist").glob("*.tar.gz")
    with tarfile.open(sdist) as packed:
        names = {its.name.partition("/")[2] for its in packed if its.isfile()}
    sources = {name for name in names if "/" in name and "egg-info" not in name}
    assert sources == {f"longibench/{name}" for name in own}


def test_it_runs_with_plugins_and_several_processes(
    environment: list[Path], options: tuple[str, ...], tmp_path: Path
) -> None:
    """The console script for two devices, ``cli.py`` as SLURM and torchrun start it for Ray."""
    site = environment[1]
    plugins = [word for name in PLUGINS for word in ("--plugin", ROOT / "docs/examples" / name)]
    run = ["run", "--methods", "mean-change", *plugins, *options, *FEW]
    script = (sys.executable, site / "bin" / "longibench")
    table = call(*script, *run, "--devices", 2, cwd=tmp_path, places=environment)
    scores = pd.read_csv(tmp_path / table.strip())
    assert set(scores["metric"]) >= {"ssim", "worst-error"}
    page = call(*script, "report", "--quiet", cwd=tmp_path, places=environment)
    assert (tmp_path / page.splitlines()[-1]).is_file()
    if importlib.util.find_spec("ray"):
        path = (sys.executable, site / "longibench" / "cli.py")
        again = call(
            *(*path, *run, "--seeds", 1, "--launcher", "ray"), cwd=tmp_path, places=environment
        )
        assert set(pd.read_csv(tmp_path / again.strip())["training_seed"]) >= {0, 1}
    assert {path.name for path in tmp_path.iterdir()} == {"runs"}
