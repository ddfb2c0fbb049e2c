"""The README's example method: given as a plugin, and dropped into the package."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from longibench.benchmark.settings.plugins import load_methods, plugin_name
from longibench.methods.method import REGISTRY

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "docs" / "examples" / "my_method.py"
ROOMS = ("benchmark", "methods", "metrics", "reports")
TINY = (
    "phantom.subjects=6",
    "split.test=2",
    "grid.shape=[32,40,32]",
    "training.iterations=5",
    "device.accelerator=cpu",
    "reference_rows=false",
)
RUN = ("run", "--methods", "mean-change", "--quiet", *(f"--set={value}" for value in TINY))


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("plugin") / "runs"


@pytest.fixture(scope="module", autouse=True)
def registry() -> Iterator[None]:
    """Forget the plugin, for the tests of other files."""
    before = dict(load_methods())  # what is imported only once must be there to be put back
    yield
    REGISTRY.clear()
    REGISTRY.update(before)
    sys.modules.pop(plugin_name(EXAMPLE), None)


def invoke(*arguments: str) -> Result:
    from longibench import cli

    result = CliRunner().invoke(cli.app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture(scope="module")
def scores(workspace: Path, templates: None) -> Path:
    """The score table of a run with the plugin."""
    result = invoke(*RUN, "--plugin", str(EXAMPLE), "--workspace", str(workspace))
    return Path(result.stdout.strip().splitlines()[-1])


def test_it_is_thirty_lines_or_fewer() -> None:
    assert len(EXAMPLE.read_text(encoding="utf-8").splitlines()) <= 30


def test_it_is_trained_generated_and_scored(scores: Path) -> None:
    table = pd.read_csv(scores)
    assert set(table["method"]) == {"mean-change"}
    ssim = table.loc[table["metric"] == "ssim", "value"]
    assert len(ssim) >= 4
    assert ssim.between(0.5, 1).all()  # five iterations: all but the source


def test_it_stands_in_the_report(scores: Path, workspace: Path) -> None:
    result = invoke("report", "--quiet", "--workspace", str(workspace))
    assert "mean-change" in result.stdout
    report = scores.parent / "report"
    assert {"index.html", "table_1.csv", "figure_2.png"} <= {p.name for p in report.iterdir()}
    assert "mean-change" in (report / "table_1.csv").read_text(encoding="utf-8")


def test_it_is_listed() -> None:
    assert "mean-change" in invoke("methods", "--plugin", str(EXAMPLE)).stdout


@pytest.mark.slow
def test_the_same_file_in_the_package_needs_no_other_edit(
    scores: Path, workspace: Path, tmp_path: Path
) -> None:
    """No --plugin, and what the plugin trained and generated is taken as its own."""
    for room in ROOMS:
        shutil.copytree(ROOT / room, tmp_path / room)
    shutil.copytree(ROOT / "longibench", tmp_path / "longibench", symlinks=True)
    shutil.copy(ROOT / "cli.py", tmp_path)
    shutil.copy(EXAMPLE, tmp_path / "methods")
    trained = {path: path.stat().st_mtime_ns for path in workspace.rglob("*T1w.nii.gz")}
    assert trained
    done = subprocess.run(
        [sys.executable, "cli.py", *RUN, "--workspace", str(workspace)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip().splitlines()[-1]) == scores
    assert {path: path.stat().st_mtime_ns for path in workspace.rglob("*T1w.nii.gz")} == trained
