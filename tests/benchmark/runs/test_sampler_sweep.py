"""The curve command: one training, resumable points, errors that name the option."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.workspace import POINTS
from longibench.benchmark.runs.sampler_sweep import Sweep
from longibench.reports.model.results import read_results

pytestmark = pytest.mark.slow  # the file's fixture takes more than ten seconds

CURVE = ("curve", "--methods", "ours", "--pairs", "4")
SMALL = (
    *("--set", "methods.ours.width=4"),
    *("--set", "methods.ours.unet={channels: [4, 8], attention: [false, false], norm_groups: 4}"),
    *("--set", "methods.ours.diffusion.sampler={kind: ddim, steps: 4, eta: 0.5}"),
)
Files = dict[Path, tuple[int, bytes]]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, options: tuple[str, ...]) -> Path:
    return tmp_path_factory.mktemp("curve") / "runs"


@pytest.fixture
def sweep(place: Path, options: tuple[str, ...], cli: Callable[..., Any]) -> Callable[..., Any]:
    def call(*more: str) -> Any:
        return cli(*CURVE, "--workspace", place, *options, *SMALL, *more)

    return call


def curve_folder(place: Path) -> Path:
    """The folder of the curve's protocol: the one with points."""
    (found,) = place.glob(f"*/{POINTS}")
    return found.parent


def volumes(place: Path) -> Files:
    return {
        path: (path.stat().st_mtime_ns, path.read_bytes())
        for path in place.rglob("predictions/*/*.nii.gz")
    }


def test_every_point_of_one_training(place: Path, sweep: Callable[..., Any]) -> None:
    result = sweep("--steps", "2")
    assert result.code == 0, result.err
    folder = curve_folder(place)
    points = pd.DataFrame(json.loads((folder / POINTS).read_text()))
    assert points["sampler"].tolist() == ["ddpm", "ddim", "ddim", "dpm-solver++"]
    assert points["steps"].tolist() == [2, 2, 4, 2]
    assert points["default"].tolist() == [False, False, True, False]
    assert points["eta"].tolist() == [0, 0.5, 0.5, 0]
    assert len([path for path in (place / "models").iterdir() if path.is_dir()]) == 1
    runs = [json.loads(path.read_text()) for path in folder.glob("predictions/*/run.json")]
    assert sorted(run["network_evaluations"] for run in runs) == [2, 2, 2, 4]
    assert len(pd.read_csv(folder / "pairs.csv")) == 4
    pairs = json.loads((folder / "protocol.json").read_text())["pairs"]
    assert pairs["count"] == 4
    assert pairs["rule"].startswith("all, 4 of ")
    assert result.out.rstrip().endswith("curve.md")
    assert "| 4 (default) |" in result.out
    assert not (place / "latest").exists()  # the report of a run does not change


def test_points_are_folders_like_any_other(place: Path) -> None:
    results = read_results(curve_folder(place))
    assert len(results.entries) == 4
    assert {results.details(entry) for entry in results.entries} == {
        "predicts x0 beside a skip of x_t, ancestral DDPM 2 of 1000 steps",
        "predicts x0 beside a skip of x_t, DDIM (eta 0.5) 2 of 1000 steps",
        "predicts x0 beside a skip of x_t, DDIM (eta 0.5) 4 of 1000 steps",
        "predicts x0 beside a skip of x_t, DPM-Solver++ 2M 2 of 1000 steps",
    }


def test_a_second_sweep_computes_only_what_is_missing(
    place: Path, sweep: Callable[..., Any]
) -> None:
    """A lost point is generated again with equal volumes."""
    before = volumes(place)
    assert len(before) == 4 * 4
    (lost,) = {path.parent for path in before if _sampler_of(path.parent) == "DPM-Solver++"}
    for path in lost.iterdir():
        path.unlink()
    assert sweep("--steps", "2", "--samplers", "ddim,dpm-solver++").code == 0
    after = volumes(place)
    assert {path: content for path, (_, content) in after.items()} == {
        path: content for path, (_, content) in before.items()
    }
    assert all(after[path] == before[path] for path in before if path.parent != lost)
    points = json.loads((curve_folder(place) / POINTS).read_text())
    assert [point["steps"] for point in points] == [2, 4, 2]


def _sampler_of(folder: Path) -> str:
    details = str(json.loads((folder / "run.json").read_text())["details"])
    return details.partition(", ")[2].split()[0]


def test_more_steps_than_levels_are_left_out(place: Path, sweep: Callable[..., Any]) -> None:
    result = sweep("--steps", "2,2000", "--samplers", "ddim")
    assert result.code == 0
    points = json.loads((curve_folder(place) / POINTS).read_text())
    assert [point["steps"] for point in points] == [2, 4]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("ours", "ddmp", "5", 4), "unknown sampler 'ddmp'.*Did you mean 'ddpm'"),
        (("ours", "", "5", 4), "--samplers: name at least one"),
        (("ours", "ddim", "5,many", 4), "--steps 5,many: write whole numbers"),
        (("ours", "ddim", "", 4), "--steps : write whole numbers with commas"),
        (("ours,ours", "ddim", "5", 4), "--methods: ours is listed twice"),
        (("ours", "ddim,ddim", "5", 4), "--samplers: ddim is listed twice"),
        (("ours", "ddim", "5,5", 4), "--steps: 5 is listed twice"),
        (("ours", "ddim", "99999", 4), "--steps 99999: 99999 is too large"),
        (("ours", "ddim", "0", 4), "--steps: write whole numbers from 1 up"),
        (("ours", "ddim", "5", -1), "--pairs -1: a number of pairs, or 0"),
        ((" , ", "ddim", "5", 4), "--methods: name at least one"),
    ],
)
def test_wrong_choices_are_named(given: tuple[str, str, str, int], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Sweep.parse(*given)


def test_a_method_without_a_sampler(tmp_path: Path, cli: Callable[..., Any]) -> None:
    result = cli("curve", "--methods", "vae", "--workspace", tmp_path)
    assert result.code == 2
    assert "method 'vae' has no sampler" in result.err
    assert not any(tmp_path.iterdir())
