"""What is used again and what is made anew: seen in a workspace, by the command line."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from longibench import SHORT_NAMES
from longibench.benchmark.core import code_identity
from longibench.benchmark.devices.fabric import resolved
from longibench.benchmark.evaluation.score_table import read_scores
from longibench.benchmark.protocol import metric_identity
from longibench.benchmark.settings.schema import DeviceSettings
from longibench.reports.model.code_warnings import code_warnings
from longibench.reports.model.results import read_results
from longibench.reports.tables.metric_table import build_table

ROOT = Path(__file__).parents[1]
Cli = Callable[..., Any]
SOME = "metrics.names=[ssim,mae,ventricles-change-error,ventricles-intercept]"


@pytest.fixture
def run(cli: Cli, options: tuple[str, ...], tiny: Path, tmp_path: Path, base: Path) -> Cli:
    """``run`` of the tiny method in a workspace in which nothing but the scans is prepared."""
    place = tmp_path / "runs"
    for name in ("cohorts", "prepared"):
        shutil.copytree(base / name, place / name)

    def call(*more: object, methods: str = "tiny") -> Any:
        result = cli(
            *("run", "--methods", methods, "--plugin", tiny, "--workspace", place),
            *(*options, "--set", SOME, *more),
        )
        assert result.code == 0, result.err
        return result

    return call


def table(result: Any) -> Path:
    return Path(result.out.strip().splitlines()[-1])


def written(root: Path, pattern: str) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in root.glob(pattern) if path.is_file()}


def headings(report: Path) -> str:
    return "".join((report / f"table_{number}.md").read_text() for number in (1, 2, 3))


@pytest.fixture
def no_ssim(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From now on SSIM is known or the test fails."""

    def forbid() -> None:
        def computed(*given: object) -> float:
            raise AssertionError("SSIM is computed")

        monkeypatch.setattr("longibench.metrics.ssim.ssim_map", computed)

    return forbid


def test_a_metric_is_added_to_a_finished_protocol_and_none_is_taken_away(
    run: Cli, cli: Cli, no_ssim: Callable[[], None]
) -> None:
    scores = table(run())
    workspace, before = scores.parents[1], read_scores(scores)
    made = written(workspace, "*/predictions/*/*.nii.gz") | written(workspace, "models/*/*")
    no_ssim()
    more = SOME.replace("mae", "mae,psnr,mae-head")
    assert table(run("--set", more)) == scores
    after = read_scores(scores)
    assert set(after["metric"]) - set(before["metric"]) == {"psnr", "mae-head"}
    old = after[after["metric"].isin(before["metric"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(old, before)
    cli("report", "--quiet", "--workspace", workspace)
    assert "PSNR, dB" in headings(scores.parent / "report")

    kept = written(workspace, "**/*")
    assert table(run("--set", "metrics.names=[ssim]")) == scores  # less is nothing to do
    changed = {path.name for path, time in written(workspace, "**/*").items() if kept[path] != time}
    assert changed <= {"latest", "scores.csv", "provenance.json", "digests.csv", "requested.json"}
    pd.testing.assert_frame_equal(read_scores(scores), after)
    assert written(workspace, "*/predictions/*/*.nii.gz") | written(workspace, "models/*/*") == made


@pytest.mark.slow
def test_another_extractor_adds_a_column(run: Cli, cli: Cli) -> None:
    scores = table(run("--set", "metrics.names=[perceptual]"))
    run("--set", "metrics.names=[perceptual]", "--set", "metrics.extractor=embedded-random:3")
    assert read_scores(scores).groupby("definition")["title"].nunique().tolist() == [1, 1]
    cli("report", "--quiet", "--workspace", scores.parents[1])
    text = (scores.parent / "report" / "table_2.md").read_text()
    assert "embedded anatomy v2, d" in text
    assert "embedded anatomy v2 random:3" in text


@pytest.fixture
def changed_code(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Pretend that a module's code was changed."""
    read = code_identity._parsed.__wrapped__

    def change(name: str) -> None:
        def parsed(source: Any, without: Any, state: Any) -> Any:
            module = read(source, without, state)
            if source.name != name:
                return module
            return code_identity._Module("another", module.links)

        monkeypatch.setattr(code_identity, "_parsed", parsed)
        metric_identity._code_of.cache_clear()
        metric_identity._code_of_class.cache_clear()

    yield change
    metric_identity._code_of.cache_clear()
    metric_identity._code_of_class.cache_clear()


def test_a_changed_segmentation_renews_what_measures_with_it_and_nothing_else(
    run: Cli, changed_code: Callable[[str], None], no_ssim: Callable[[], None]
) -> None:
    scores = table(
        run("--set", "metrics.names=[ssim,mae,fid,ventricles-change-error,ventricles-intercept]")
    )
    workspace, before = scores.parents[1], read_scores(scores)
    measured = written(workspace, "measured/*.npy")
    made = written(workspace, "*/predictions/*/*.nii.gz")
    changed_code("metrics.anatomy")
    no_ssim()
    run("--set", "metrics.names=[ssim,mae,fid,ventricles-change-error,ventricles-intercept]")
    after = read_scores(scores)
    renewed = after[after["code"] != before["code"]]
    assert set(renewed["metric"]) == {"fid", "ventricles-change-error", "ventricles-intercept"}
    assert (after["definition"] == before["definition"]).all()
    assert len(written(workspace, "measured/*.npy")) == 2 * len(measured)
    assert written(workspace, "*/predictions/*/*.nii.gz") == made


def test_values_of_other_code_are_ranked_with_a_warning(
    run: Cli, changed_code: Callable[[str], None]
) -> None:
    scores = table(run())
    changed_code("metrics.voxelwise")
    run("--seed", "1", "--set", "training.iterations=6")
    results = read_results(scores.parent)
    (warning,) = code_warnings(results)
    rows = "tiny, 12 iterations and tiny, 6 iterations (mae)"
    assert warning.startswith(f"Rows were scored by different code: {rows}")
    mae = next(its for its in results.metrics if its.name == "mae")
    made = build_table(results, [mae], "", "", "")
    assert any("with an equal definition: ranked with it" in note for note in made.notes)
    run()  # current code for the first row too
    assert code_warnings(read_results(scores.parent)) == []


@pytest.mark.slow
def test_rows_of_one_method_say_what_differs(run: Cli, cli: Cli) -> None:
    scores = table(run())
    run("--set", "training.learning_rate=0.01")
    run("--set", "training.iterations=6", "--label", "half as long")
    assert cli("report", "--quiet", "--workspace", scores.parents[1]).code == 0
    report = scores.parent / "report"
    labels = [*(f"tiny, 12 iterations, lr {rate}" for rate in (0.002, 0.01)), "tiny, half as long"]
    texts = [path.read_text("utf-8") for path in report.iterdir() if path.suffix in (".md", ".csv")]
    texts += [(report / "index.html").read_text("utf-8"), (report / "figure_2.svg").read_text()]
    digests = set(read_scores(scores)["settings"])
    assert len(digests) == 3
    for text in texts:
        assert not any(digest in text for digest in digests)
    assert all(label in (report / "table_1.md").read_text() for label in labels)
    assert sorted(pd.read_csv(report / "table_1.csv")["label"]) == sorted(labels)
    assert all(label in texts[-2] for label in labels)


PRESET = """
extends: demo
phantom: {subjects: 10}
split: {test: 3}
grid: {shape: [16, 20, 16], spacing_mm: 8}
training: {iterations: 6, batch_size: 2}
methods: {vae: {training: {iterations: 6}, channels: [4, 4], hidden: 4, latent: 4}}
metrics: {names: [ssim]}
device: {threads: 1, accelerator: cpu}
reference_rows: false
"""


def test_the_presets_row_is_known_by_what_was_not_overridden(
    cli: Cli, base: Path, tmp_path: Path
) -> None:
    place, preset = tmp_path / "runs", tmp_path / "small.yaml"
    preset.write_text(PRESET)
    for name in ("cohorts", "prepared"):
        shutil.copytree(base / name, place / name)
    fixed = ("--preset", preset, "--workspace", place, "--quiet")
    for more in (
        (),
        ("--set", "methods.vae.latent=2"),
        ("--set", "methods.vae.training.learning_rate=0.01", "--label", "faster"),
    ):
        result = cli("run", "--methods", "copy-source,vae", *fixed, *more)
        assert result.code == 0, result.err
    entries = read_results(table(result).parent).entries
    assert {entry.label: entry.preset for entry in entries} == {
        "Copy of the source": "small",
        "VAE, latent 4, lr 0.002": "small",
        "VAE, latent 2": "",
        "VAE, faster": "",
    }


def test_a_label_that_cannot_be_shown_is_refused(cli: Cli, tmp_path: Path) -> None:
    result = cli("run", "--methods", "copy-source", "--label", "=cmd()", "--workspace", tmp_path)
    assert result.code == 2
    assert "--label '=cmd()': write at most 40 letters" in result.err
    assert not list(tmp_path.iterdir())


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """The protocol of a workspace as version 0.1.0 left it: two settings of a VAE, and the copy."""
    place = tmp_path / "older"
    with tarfile.open(ROOT / "tests" / "data" / "workspace-format-1.tar.gz") as archive:
        archive.extractall(place, filter="data")
    return place / (place / "latest").read_text().strip()


@pytest.mark.slow
def test_a_workspace_of_an_earlier_version_is_read_and_left_alone(
    cli: Cli, options: tuple[str, ...], older: Path
) -> None:
    workspace = older.parent
    assert cli("report", "--quiet", "--workspace", workspace).code == 0
    lines = (older / "report" / "table_1.md").read_text().splitlines()[2:5]
    assert {line.split(" | ")[0] for line in lines} == {
        "| Copy of the source¹ (no model)",
        "| VAE, prior sample, latent 4",
        "| VAE, prior sample, latent 8",
    }
    before = written(workspace, f"{older.name}/**/*") | written(workspace, "models/**/*")
    loud = [option for option in options if option != "--quiet"]
    names = ("--set", "metrics.names=[ssim]")
    result = cli("run", "--methods", "copy-source", "--workspace", workspace, *loud, *names)
    assert result.code == 0, result.err
    said = f"results of an earlier version of longibench ({older.name})"
    assert result.err.count(said) == 1
    assert table(result).parent != older
    after = written(workspace, "**/*")
    assert before.items() <= after.items()
    again = cli("run", "--methods", "copy-source", "--workspace", workspace, *loud, *names)
    assert said not in again.err  # once is enough
    volumes = older / "predictions" / "vae-s0-94a276d95ad5"
    refused = cli(
        *("evaluate", volumes, "--protocol", older.name, "--workspace", workspace, "--name", "x")
    )
    assert refused.code == 2
    assert "an earlier version of longibench ran it, and nothing is added to it" in refused.err


def test_a_damaged_protocol_is_none_of_an_earlier_version(
    cli: Cli, options: tuple[str, ...], workspace: Path, protocol: Path
) -> None:
    whole = json.loads((protocol / "protocol.json").read_text())
    (protocol / "protocol.json").write_text("{")
    loud = [option for option in options if option != "--quiet"]
    result = cli("run", "--methods", "copy-source", "--workspace", workspace, *loud)
    assert result.code == 0, result.err
    assert "earlier version" not in result.err
    found = json.loads((protocol / "protocol.json").read_text())
    assert {**found, "created": ""} == {**whole, "created": ""}


def test_the_cpu_is_used_where_it_is_asked_for_though_a_gpu_is_there(
    run: Cli, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Training, generation, scoring and the plan: on a machine without CUDA any call would fail."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    names = "metrics.names=[ssim,fid,perceptual,ventricles-change-error]"
    scores = table(run("--set", names))
    volumes = next(scores.parent.glob("predictions/tiny-*"))
    result = cli(
        *("evaluate", volumes, "--name", "again", "--workspace", scores.parents[1]),
        *("--set", "device.accelerator=cpu", "--quiet"),
    )
    assert result.code == 0, result.err


def test_a_gpu_that_does_not_exist_is_an_error(
    cli: Cli, options: tuple[str, ...], workspace: Path, predictions: Path
) -> None:
    """Before metrics are loaded on it, by every command that scores."""
    fixed = ("--workspace", workspace, "--quiet", "--set", "device.accelerator=cuda")
    names = ("--set", "metrics.names=[ssim,fid]")
    for command in (
        ("run", "--methods", "copy-source", *options, *names, *fixed),
        ("evaluate", predictions, "--name", "again", *fixed),
    ):
        result = cli(*command)
        assert result.code == 2
        assert "1 GPU(s) are requested, 0 available" in result.err


def test_a_copy_has_no_precision(cli: Cli, options: tuple[str, ...], workspace: Path) -> None:
    result = cli(
        *("run", "--methods", "copy-source", "--workspace", workspace, *options),
        *("--set", "device.precision=64-true"),
    )
    assert read_scores(table(result))["settings"].nunique() == 1


def test_two_precisions_are_two_rows(run: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    scores = table(run())
    run("--set", "device.precision=64-true")
    assert read_scores(scores)["settings"].nunique() == 2
    assert len(list(scores.parents[1].glob("models/tiny-*"))) == 2
    run("--set", "device.precision=32-true")  # what auto means on a CPU
    assert read_scores(scores)["settings"].nunique() == 2
    on_gpu = DeviceSettings(accelerator="cuda")
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: True)
    assert resolved(on_gpu).precision == "bf16-mixed"


SAMPLER = """

class Backwards(DDIM):
    def step(self, place, x, now, before, noise):
        return -super().step(place, x, now, before, noise)
"""


@pytest.mark.slow
def test_a_new_sampler_trains_nothing_again(
    options: tuple[str, ...], base: Path, tmp_path: Path
) -> None:
    """In a copy of the checkout, whose code is then changed."""
    place, checkout = tmp_path / "runs", tmp_path / "checkout"
    for name in ("cohorts", "prepared"):
        shutil.copytree(base / name, place / name)
    for room in SHORT_NAMES:
        shutil.copytree(ROOT / room, checkout / room)
    shutil.copytree(ROOT / "longibench", checkout / "longibench", symlinks=True)
    shutil.copy(ROOT / "cli.py", checkout)
    small = ("methods.ours.unet.channels=[8,8,8]", "metrics.names=[ssim]")

    def run() -> Path:
        done = subprocess.run(
            [sys.executable, "cli.py", "run", "--methods", "ours", "--workspace", str(place),
             *options, *(f"--set={value}" for value in small)],
            cwd=checkout, env={**os.environ, "PYTHONPATH": str(checkout)},
            capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return Path(done.stdout.strip())

    def models() -> dict[Path, int]:
        return written(place, "models/*/trained.json")

    run()
    before = models()
    samplers = checkout / "methods" / "samplers.py"
    samplers.write_text(samplers.read_text() + SAMPLER)
    scores = read_scores(run())
    assert models() == before
    assert scores["settings"].nunique() == 2  # the volumes are made anew, and are the same
    values = [its["value"].tolist() for _, its in scores.groupby("settings")]
    assert values[0] == values[1]
