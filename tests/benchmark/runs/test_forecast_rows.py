"""Rows of forecasts: which runs have them, done once, in the table of change alone."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.workspace import Workspace
from longibench.benchmark.evaluation.evaluate import read_pairs
from longibench.benchmark.evaluation.score_table import read_scores
from longibench.benchmark.runs.forecast_names import measures_forecasts, split_forecasts
from longibench.benchmark.runs.launchers.slurm import write_array
from longibench.benchmark.runs.matrix import Matrix
from longibench.benchmark.settings.loading import load_settings
from longibench.benchmark.settings.plugins import load_metrics
from longibench.reports.model.results import read_results
from longibench.reports.model.unfinished import find_unfinished
from longibench.reports.tables.report_tables import build_tables

Cli = Callable[..., Any]
BOTH = ["mean-rate", "regression"]
DEMO = load_settings("demo")
NAMES = "metrics.names=[ssim,skill-head,brain-change-error-ml,brain-intercept]"


def test_they_are_added_to_methods_where_volumes_are_measured() -> None:
    load_metrics()
    assert split_forecasts(["vae"], DEMO) == (["vae"], BOTH)
    assert split_forecasts(["vae", "regression"], DEMO) == (["vae"], BOTH[::-1])
    assert split_forecasts(["mean-rate"], DEMO) == ([], ["mean-rate"])
    off = load_settings("demo", ["reference_rows=false"])
    assert split_forecasts(["vae"], off) == (["vae"], [])
    assert split_forecasts(["vae", "mean-rate"], off) == (["vae"], ["mean-rate"])
    of_images = load_settings("demo", ["metrics.names=[ssim]"])
    assert split_forecasts(["vae"], of_images) == (["vae"], [])
    with pytest.raises(UserError, match="'mean-rate' forecasts volumes of tissue: add a metric"):
        split_forecasts(["vae", "mean-rate"], of_images)


def test_they_are_measured_by_the_change_of_volumes_alone() -> None:
    measured = {name for name in load_metrics() if measures_forecasts(name)}
    assert {"brain-change-error", "csf-slope-ratio", "cortex-labels-intercept"} <= measured
    assert not {"ssim", "fid", "skill", "change-sign", "truth-ventricles"} & measured


def test_in_an_array_they_are_one_cell_a_fold(tmp_path: Path) -> None:
    settings = load_settings("demo", ["split.folds=2"])
    matrix = Matrix.parse("3,4", "0,1", settings)
    submit = write_array(["vae"], settings, matrix, Workspace(tmp_path), ["--set=split.folds=2"])
    script = Path(submit.split()[-1]).read_text()
    assert script.count("--methods mean-rate,regression") == 2


@pytest.fixture
def given(options: tuple[str, ...], workspace: Path) -> list[object]:
    return ["--methods", "copy-source", "--workspace", workspace, *options, "--set", NAMES]


def run(cli: Cli, *given: object) -> Path:
    result = cli("run", *given)
    assert result.code == 0, result.err
    (folder,) = {Path(line).parent for line in result.out.split()}
    return folder


def written(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.glob("predictions/*/*")}


def test_a_run_adds_them_does_them_once_and_shows_them_beside_the_methods(
    cli: Cli, given: list[object]
) -> None:
    folder = run(cli, *given, "--methods", f"copy-source,{','.join(BOTH)}")
    scores = read_scores(folder / "scores.csv")
    measured = scores[scores["method"].isin(BOTH)].groupby("method")["metric"].unique()
    names = ["brain-change-error-ml", "brain-intercept"]
    assert {name: sorted(its) for name, its in measured.items()} == dict.fromkeys(BOTH, names)
    _check_same_pairs(scores)
    assert not find_unfinished(folder, scores).sentences
    others = scores[scores["method"] != "mean-rate"]
    assert find_unfinished(folder, others).methods == ("mean-rate",)
    before = written(folder)
    assert run(cli, *given, "--methods", "mean-rate") == folder
    assert written(folder) == before
    _check_tables(folder)
    (made,) = folder.glob("predictions/mean-rate-*")
    (made / "scores.csv").unlink()
    assert run(cli, *given, "--methods", "mean-rate") == folder
    pd.testing.assert_frame_equal(read_scores(folder / "scores.csv"), scores)


def test_with_a_part_left_out_they_are_scored_on_it(cli: Cli, given: list[object]) -> None:
    every = f"copy-source,{','.join(BOTH)}"
    folder = run(cli, *given, "--methods", every, "--set", "split.leave_out=sex=F")
    pairs = read_pairs(folder)
    assert set(pairs["sex"]) == {"F"}
    _check_same_pairs(read_scores(folder / "scores.csv"))


def _check_same_pairs(scores: pd.DataFrame) -> None:
    """Both are scored on the pairs of the copy, whose line is flat: they start where it does."""
    errors = scores[scores["metric"] == "brain-change-error-ml"].set_index(["subject", "visit"])
    pairs = {name: rows.index.tolist() for name, rows in errors.groupby("method")}
    assert pairs["mean-rate"] == pairs["regression"] == pairs["copy-source"]
    starts = scores.query("metric == 'brain-intercept' and role == 'value'").set_index("method")
    values = starts["value"].dropna()
    assert values.tolist() == pytest.approx([values.get("copy-source", 0.0)] * len(values))


def _check_tables(folder: Path) -> None:
    results = read_results(folder)
    assert {entry.label: entry.role for entry in results.entries if entry.method in BOTH} == {
        "Mean rate (forecast)": "forecast",
        "Regression (forecast)": "forecast",
    }
    assert [entry.method for entry in results.pictured] == ["copy-source"]
    tables = {table.number: table for table in build_tables(results)}
    assert [row.entry.method for row in tables["III"].rows] == ["copy-source", *BOTH]
    assert [row.entry.method for row in tables["I"].rows] == ["copy-source"]
    (skill,) = [
        place for place, one in enumerate(tables["III"].columns) if one.metric.name == "skill-head"
    ]
    cells = [row.cells[skill] for row in tables["III"].rows]
    assert [(cell.text, cell.note) for cell in cells[1:]] == [("—", 0)] * 2


def test_a_forecast_without_a_metric_is_refused_in_one_line(cli: Cli, given: list[object]) -> None:
    result = cli("run", *given, "--methods", "regression", "--set", "metrics.names=[ssim]")
    assert result.code == 2
    assert "'regression' forecasts volumes of tissue: add a metric of their change" in result.err
    assert result.err.count("\n") == 1
