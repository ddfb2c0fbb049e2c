"""The rows that every run adds: copies of the source and, where the truth is known, oracles."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest

from longibench.benchmark.cohorts.visit_table import LEFT_OUT, Cohort
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.workspace import Workspace
from longibench.benchmark.evaluation.evaluate import read_pairs
from longibench.benchmark.evaluation.score_table import read_scores
from longibench.benchmark.preparation.store.volumes import read_volume
from longibench.benchmark.protocol import protocol as protocols
from longibench.benchmark.protocol.table_checks import Cohorts
from longibench.benchmark.runs import runner
from longibench.benchmark.runs.launchers.slurm import write_array
from longibench.benchmark.runs.matrix import Matrix, read_recipes
from longibench.benchmark.runs.reference_rows import (
    ORACLES,
    REFERENCES,
    is_simulated,
    measures_oracles,
    seeds_of,
    simulates_truth,
    with_reference_rows,
    with_truth_only,
)
from longibench.benchmark.settings.loading import load_settings
from longibench.benchmark.settings.plugins import load_metrics
from longibench.benchmark.settings.preparation import Step

Cli = Callable[..., Any]
DEMO = load_settings("demo")
TOGETHER = "mean-rate,regression"  # one cell: they share what they measure
ROWS = [
    *("--set", "reference_rows=true", "--set", "metrics.names=[ssim,mae,psnr-head]"),
    *("--set", "methods.copy-smoothed.training.iterations=2"),
]


def test_they_follow_what_was_asked_for_and_can_be_left_out() -> None:
    assert with_reference_rows(["vae", "copy-source"], DEMO) == [
        *("vae", "copy-source", "copy-smoothed", "denoised-copy", "half-change", "full-change")
    ]
    off = load_settings("demo", ["reference_rows=false"])
    assert with_reference_rows(["vae"], off) == ["vae"]
    assert with_reference_rows([], DEMO) == []  # refused later: nothing was asked for


def test_without_truth_oracles_are_left_out_and_refused_by_name() -> None:
    recipes = read_recipes(with_reference_rows(["vae"], DEMO), DEMO)
    kept = with_truth_only(recipes, ["vae"], DEMO, truth=False)
    assert [recipe.name for recipe in kept] == ["vae", *REFERENCES]
    assert with_truth_only(recipes, ["vae"], DEMO, truth=True) == recipes
    with pytest.raises(UserError, match="'half-change' is made with the simulated truth"):
        with_truth_only(recipes, ["half-change"], DEMO, truth=False)


def of_table(done: frozenset[Step], **columns: object) -> Cohorts:
    """A cohort of one scan, with further columns."""
    columns = {"subject": ["a"], "visit": ["y0"], "years": [0.0], "path": ["a.nii"], **columns}
    left_out = pd.DataFrame(columns=list(LEFT_OUT))
    return Cohorts(Cohort("phantom", pd.DataFrame(columns), True, left_out, done=done), None)


PREPARATIONS = [
    ([], True),
    (["preparation.bias=none", "preparation.brain=none", "preparation.registration=none"], True),
    (["preparation.bias=n4"], False),
    (["preparation.brain=deepbet"], False),
    (["preparation.registration=rigid"], False),
]


@pytest.mark.parametrize(("overrides", "known"), PREPARATIONS)
def test_the_truth_is_known_if_the_preparation_keeps_it(overrides: list[str], known: bool) -> None:
    """In a table and, for an array, before it is simulated."""
    settings = load_settings("demo", overrides)
    done = frozenset[Step](get_args(Step))
    assert is_simulated(of_table(done, clean=["c.nii"]), settings) == known
    assert simulates_truth(settings) == known
    assert not is_simulated(of_table(done), settings)


def test_an_oracle_asked_for_beside_such_a_preparation_is_refused_by_its_name() -> None:
    settings = load_settings("demo", ["preparation.bias=n4"])
    recipes = read_recipes(["half-change"], settings)
    with pytest.raises(UserError, match=r"resampled and scaled.*preparation\.bias"):
        with_truth_only(recipes, ["half-change"], settings, truth=False)
    scattered = load_settings("demo", ["phantom.scattered=true"])
    with pytest.raises(UserError, match="which only the phantom has"):
        with_truth_only(recipes, ["half-change"], scattered, truth=False)


def test_without_a_metric_for_them_oracles_are_left_out_and_refused_by_name() -> None:
    settings = load_settings("demo", ["metrics.names=[mae]"])
    recipes = read_recipes(with_reference_rows(["vae"], settings), settings)
    assert len(with_truth_only(recipes, [], settings, truth=True)) == 3
    with pytest.raises(UserError, match="'full-change' is measured by fid, ssim"):
        with_truth_only(recipes, ["full-change"], settings, truth=True)


def test_oracles_are_measured_by_ssim_fid_and_the_truth() -> None:
    measured = [name for name in load_metrics() if measures_oracles(name)]
    assert {"fid", "ssim", "ssim-head", "ssim-skimage", "ssim-skimage-head"} <= set(measured)
    assert not {"fid-infinity", "ms-ssim"} & set(measured)
    others = [load_metrics()[name].family for name in set(measured) - {"fid"}]
    assert {str(family) for family in others} <= {"fidelity", "truth"}
    assert not measures_oracles("mae-head")


def test_only_methods_are_trained_with_every_seed() -> None:
    seeds = Matrix.parse("3,4", None, DEMO).by_seed(DEMO)
    found = {
        recipe.name: [its.seed for its in seeds_of(recipe, seeds)]
        for recipe in read_recipes(["vae", *REFERENCES, *ORACLES], DEMO)
    }
    assert found == {"vae": [3, 4], **{name: [3] for name in (*REFERENCES, *ORACLES)}}


@pytest.mark.parametrize(
    ("overrides", "rows"),
    [
        ([], (*REFERENCES, *ORACLES, TOGETHER)),
        (["phantom.scattered=true"], (*REFERENCES, TOGETHER)),
        (["preparation.bias=n4"], (*REFERENCES, TOGETHER)),
        (["test_cohort=bids:/data/other"], (*REFERENCES, TOGETHER)),
        (["metrics.names=[fid]"], (*REFERENCES, *ORACLES)),
        (["reference_rows=false"], ()),
    ],
)
def test_in_an_array_each_is_a_cell_of_its_own(
    tmp_path: Path, overrides: list[str], rows: tuple[str, ...]
) -> None:
    settings = load_settings("demo", overrides)
    matrix = Matrix.parse("0,1", None, settings)
    options = [f"--set={value}" for value in overrides]
    submit = write_array(["vae"], settings, matrix, Workspace(tmp_path), options)
    lines = [
        line for line in Path(submit.split()[-1]).read_text().splitlines() if "--seeds" in line
    ]
    found = [
        (line.split("--methods ")[1].split()[0], line.split("--seeds ")[1][0]) for line in lines
    ]
    assert found == [("vae", "0"), ("vae", "1"), *((name, "0") for name in rows)]
    assert all("--set=reference_rows=false" in line for line in lines)


@pytest.fixture
def with_truth(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cohort with known truth: noise-free volumes that are those of the scans themselves."""
    annotate = protocols.annotate

    def annotated(pairs: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
        known = annotate(pairs, table)
        return known.assign(source_clean=known["source"], target_clean=known["target"])

    monkeypatch.setattr(protocols, "annotate", annotated)
    monkeypatch.setattr(runner, "is_simulated", lambda *_: True)


def test_a_run_adds_them_and_does_them_once(
    cli: Cli, options: tuple[str, ...], workspace: Path, with_truth: None
) -> None:
    given = ["--methods", "copy-source", "--workspace", workspace, *options, *ROWS]
    result = cli("run", *given)
    assert result.code == 0, result.err
    (folder,) = {Path(line).parent for line in result.out.split()}
    scores = read_scores(folder / "scores.csv").query("metric in ['ssim', 'mae', 'psnr-head']")
    measured = scores.groupby("method")["metric"].agg(lambda names: sorted(set(names))).to_dict()
    assert measured == {
        **{name: ["mae", "psnr-head", "ssim"] for name in REFERENCES},
        **{name: ["ssim"] for name in ORACLES},
    }
    ssim = scores[scores["metric"] == "ssim"].groupby("method")["value"].mean()
    assert ssim["full-change"] == pytest.approx(1)
    assert ssim["copy-source"] == ssim["denoised-copy"] < ssim["half-change"] < 1
    _check_volumes(folder, read_pairs(folder))
    before = {path: path.stat().st_mtime_ns for path in folder.glob("predictions/*/*")}
    assert cli("run", *given).code == 0
    assert {path: path.stat().st_mtime_ns for path in folder.glob("predictions/*/*")} == before


def _check_volumes(folder: Path, pairs: pd.DataFrame) -> None:
    (made,) = folder.glob("predictions/half-change-*")
    listed = pd.read_csv(made / "manifest.csv", dtype=str).merge(pairs, on=["subject", "visit"])
    for row in listed.to_dict("records"):
        source, target = read_volume(row["source"]), read_volume(row["target"])
        half = read_volume(made / row["generated"])
        np.testing.assert_allclose(half, (source + target) / 2, atol=1e-6)


def test_an_oracle_on_a_cohort_without_truth_is_refused_before_any_work(
    cli: Cli, options: tuple[str, ...], workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "is_simulated", lambda *_: False)
    given = ["--methods", "half-change", "--workspace", workspace, *options]
    result = cli("run", *given)
    assert result.code == 2
    assert "'half-change' is made with the simulated truth, which" in result.err
