"""The report of a run that was interrupted, at each stage."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from longibench.benchmark.core.checked_files import write_json
from longibench.benchmark.core.workspace import Workspace
from longibench.benchmark.evaluation.score_table import read_scores
from longibench.benchmark.runs.requested import read_requested
from longibench.reports.model.unfinished import find_unfinished, newer_scores

Cli = Callable[..., Any]
COMMAND = "longibench run --methods copy-source,vae --cohort 'bids:/data/my study'"


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """No figures, which take most of a report's time and show nothing of this."""
    for draw in ("_figure_2", "_cohort"):
        monkeypatch.setattr(f"longibench.reports.pages.report.{draw}", lambda *_: [])


@pytest.fixture
def ask(protocol: Path) -> Callable[..., str]:
    """Adds a cell to what was requested; returns the name of its predictions' folder."""

    def add(method: str = "vae", seed: int = 0, settings: str = "aa", **more: Any) -> str:
        requested = read_requested(protocol)
        (known, *_) = requested["cells"].values()
        name = f"{method}-s{seed}-{settings}"
        what = {"method": method, "settings": settings, "training_seed": seed, **more}
        how = {"model": f"models/{name}", "iterations": 12, "command": COMMAND}
        cells = {**requested["cells"], name: {**known, **how, **what}}
        write_json(protocol / "requested.json", {**requested, "cells": cells})
        return name

    return add


def missing(protocol: Path) -> list[str]:
    scores = protocol / "scores.csv"
    return find_unfinished(protocol, read_scores(scores) if scores.exists() else None).sentences


def test_a_finished_run_lacks_nothing(protocol: Path) -> None:
    (cell,) = read_requested(protocol)["cells"].values()
    assert (cell["method"], cell["training_seed"], cell["model"]) == ("copy-source", 0, None)
    assert cell["command"].startswith("longibench run --methods copy-source ")
    assert missing(protocol) == []


def test_each_stage_has_its_words(protocol: Path, ask: Callable[..., str]) -> None:
    name = ask(volumes=30)
    model, place = protocol.parent / "models" / name, protocol / "predictions" / name
    assert missing(protocol) == ["vae, seed 0: not started."]
    model.mkdir(parents=True)
    assert missing(protocol) == ["vae, seed 0: training has no checkpoint yet."]
    (model / "step-00000006").mkdir()
    assert missing(protocol) == ["vae, seed 0: trained 6 of 12 iterations."]
    (model / "trained.json").write_text('{"iterations": 12, "seconds": 1}')
    assert missing(protocol) == ["vae, seed 0: trained, nothing generated."]
    place.mkdir()
    (place / "sub-a_y1_sample-0_T1w.nii.gz").touch()
    (place / "sub-a_y1_sample-0_xfm.nii.gz").touch()  # its deformation is no volume
    assert missing(protocol) == ["vae, seed 0: generated 1 of 30 volumes, not scored."]
    (place / "run.json").write_text("{}")
    assert missing(protocol) == ["vae, seed 0: generated, not scored."]


def test_seeds_and_settings_are_told_apart(protocol: Path, ask: Callable[..., str]) -> None:
    for seed, settings in ((1, "aa"), (2, "aa"), (2, "bb")):
        ask(seed=seed, settings=settings)
    assert missing(protocol) == [
        "vae, seed 1: not started.",
        "vae, seed 2, settings aa: not started.",
        "vae, seed 2, settings bb: not started.",
    ]


def test_a_metric_that_is_missing_is_named(protocol: Path) -> None:
    scores = read_scores(protocol / "scores.csv")
    scores = scores[scores["metric"] != "ssim"]
    assert find_unfinished(protocol, scores).cells == (
        "copy-source, seed 0: scored, without ssim.",
    )


def test_a_process_at_work_is_named(protocol: Path, ask: Callable[..., str]) -> None:
    model = protocol.parent / "models" / ask()
    with Workspace(protocol.parent).lock(model):
        assert missing(protocol) == ["vae, seed 0: not started; a process is at work on it."]
    assert missing(protocol) == ["vae, seed 0: not started."]


def test_other_folds_of_the_command_are_listed(protocol: Path) -> None:
    other = protocol.parent / "phantom-other"
    shutil.copytree(protocol, other)
    requested = read_requested(protocol)
    folds = {"0": protocol.name, "1": other.name, "2": "phantom-none"}
    for place in (protocol, other):
        write_json(place / "requested.json", {**requested, "folds": folds})
    assert missing(protocol) == [
        "Fold 2, phantom-none: none of its methods and seeds are scored.",
    ]
    next(other.glob("predictions/*/scores.csv")).unlink()
    assert missing(protocol)[0] == (
        "Fold 1, phantom-other: 0 of 1 of its methods and seeds are scored."
    )


@pytest.mark.usefixtures("undrawn")
def test_report_shows_what_is_scored_and_lists_the_rest(
    cli: Cli, protocol: Path, ask: Callable[..., str]
) -> None:
    """The run did not come to joining the tables of its cells."""
    ask()
    (protocol / "scores.csv").unlink()
    assert newer_scores(protocol)
    result = cli("report", "--workspace", protocol.parent, "--quiet")
    assert result.code == 0, result.err
    assert "warning: not finished: vae, seed 0: not started." in result.err
    assert f"this continues: {COMMAND}" in result.err
    page = (protocol / "report" / "index.html").read_text()
    assert "<li>vae, seed 0: not started.</li>" in page
    assert "run --methods vae" in page
    assert "my study" not in page
    assert not newer_scores(protocol)


def test_without_any_score_report_names_what_is_under_way(
    cli: Cli, protocol: Path, predictions: Path, ask: Callable[..., str]
) -> None:
    ask()
    (protocol / "scores.csv").unlink()
    (predictions / "scores.csv").unlink()
    result = cli("report", "--workspace", protocol.parent, "--quiet")
    assert result.code == 2
    assert len(result.err.splitlines()) == 1
    assert "nothing is scored yet. copy-source, seed 0: generated, not scored. vae" in result.err
    assert COMMAND in result.err
    assert not (protocol / "report").exists()


@pytest.mark.usefixtures("undrawn")
def test_a_workspace_of_an_earlier_version_still_reports(cli: Cli, protocol: Path) -> None:
    (protocol / "requested.json").unlink()
    (protocol / "scores.csv").unlink()
    result = cli("report", "--workspace", protocol.parent, "--quiet")
    assert result.code == 0, result.err
    assert "not finished" not in result.err


def test_before_a_method_is_started_preparation_is_named(cli: Cli, protocol: Path) -> None:
    shutil.rmtree(protocol)
    result = cli("report", "--workspace", protocol.parent, "--quiet")
    assert result.code == 2
    assert "scans are prepared, or are being prepared" in result.err


def test_the_command_works_in_the_folder_of_the_report(
    protocol: Path, ask: Callable[..., str], tmp_path: Path
) -> None:
    ask(started_in=str(Path.cwd()))
    assert find_unfinished(protocol, None).commands[-1] == COMMAND
    ask(started_in=str(tmp_path / "my study"))
    expected = f"cd '{tmp_path}/my study' && {COMMAND}"
    assert find_unfinished(protocol, None).commands[-1] == expected
