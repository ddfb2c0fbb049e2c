import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from longibench.benchmark.core.console import Console
from longibench.reports.model.results import Results, read_results
from longibench.reports.tables.comparisons import build_comparisons
from longibench.reports.tables.paper_order import Statement, order_statements


def _moved(results: Results, method: str, metric: str, by: float) -> Results:
    scores = results.scores.copy()
    scores.loc[(scores["method"] == method) & (scores["metric"] == metric), "value"] += by
    return replace(results, scores=scores)


def _statements(results: Results) -> list[Statement]:
    return order_statements(results, build_comparisons(results, Console(quiet=True)))


def test_the_papers_order_holds_in_the_fake(full: Results) -> None:
    statements = _statements(full)
    assert [statement.verdict for statement in statements] == ["holds", "holds"]
    fid, ssim = (statement.sentences[1] for statement in statements)
    assert "difference -10.0 (better), ± 1.0 between seeds (p 0.005), 95% interval -1" in fid
    assert "difference +0.040 (better), ± 0.010 between seeds" in ssim
    assert "paired over 24 subjects; p after Holm's correction < 0.001" in ssim
    assert statements[0].sentences[-1].startswith("±: the standard deviation of a difference")


@pytest.mark.parametrize(
    ("metric", "by", "verdict"),
    [
        ("ssim", -0.0395, "as claimed, but not shown"),
        ("ssim", -0.0405, "not as claimed, but not shown either"),
        ("ssim", -0.2, "does not hold"),
        ("fid", 100.0, "does not hold"),
        ("ssim", -0.025, "as claimed, but not shown"),  # beyond one SD of two trainings, p 0.17
    ],
)
def test_verdict_weighs_sign_test_and_seeds(
    full: Results, metric: str, by: float, verdict: str
) -> None:
    statements = _statements(_moved(full, "ours", metric, by))
    verdicts = {name: s.verdict for name, s in zip(("fid", "ssim"), statements, strict=True)}
    assert verdicts[metric] == verdict


def test_one_seed_is_said_and_few_subjects_are_never_sure(results: Results) -> None:
    fid, ssim = _statements(results)
    assert fid.verdict == "holds for these trainings"
    assert ssim.verdict == "as claimed, but not shown"  # by p 0.094
    assert fid.sentences[-1] == "One training seed: the spread between trainings is not measured."


def test_one_seed_refutes_these_trainings_alone(tmp_path: Path, fake: Any) -> None:
    one = read_results(replace(fake, subjects=24).write(tmp_path))
    (_, ssim) = _statements(_moved(one, "ours", "ssim", -0.2))
    assert ssim.verdict == "does not hold for these trainings"


def test_missing_methods_are_named(tmp_path: Path, fake: Any) -> None:
    results = read_results(replace(fake, methods=("ours", "vae")).write(tmp_path))
    for statement in _statements(results):
        assert statement.verdict == "cannot be determined"
        assert statement.sentences == ("Med-DDPM is not scored here.",)


def test_without_a_test_nothing_is_sure(tmp_path: Path, fake: Any) -> None:
    statement = _statements(read_results(replace(fake, subjects=5).write(tmp_path)))[1]
    assert statement.verdict == "as claimed, but not shown"
    assert "5 subjects are too few for an interval and a test" in statement.sentences[1]


def test_reason_of_a_missing_fid_is_reported(results: Results) -> None:
    scores = results.scores[results.scores["role"] == "value"].copy()
    chosen = (scores["metric"] == "fid") & (scores["method"] == "ours")
    scores.loc[chosen, ["value", "note"]] = [float("nan"), "needs two subjects"]
    statement = _statements(replace(results, scores=scores))[0]
    assert statement.verdict == "cannot be determined"
    assert "needs two subjects" in statement.sentences[0]


def test_the_verdict_is_of_the_rows_of_the_preset_and_says_so(tmp_path: Path, fake: Any) -> None:
    folder = fake.write(tmp_path)
    scores = pd.read_csv(folder / "scores.csv", keep_default_na=False)
    better = scores[scores["method"] == "ours"].assign(settings="bbbb")
    better["value"] *= 0.9
    pd.concat([scores, better]).to_csv(folder / "scores.csv", index=False)
    run = folder / "predictions" / "ours-s0" / "run.json"
    newer = folder / "predictions" / "ours-s0-bbbb" / "run.json"
    newer.parent.mkdir()
    newer.write_text(run.read_text().replace("aaaa", "bbbb").replace("10 steps", "5 steps"))
    os.utime(run, ns=(1, 1))
    rows = {name: {"aaaa": {"preset": "demo"}} for name in ("ours", "med-ddpm", "vae")}
    (folder / "rows.json").write_text(json.dumps(rows))
    statement = _statements(read_results(folder))[0]
    assert statement.sentences[0] == (
        "By FID [random:0], of the rows Dao et al. (ours), predicts x0, DDIM 10 steps (preset "
        "demo); Med-DDPM (preset demo); VAE (preset demo)."
    )
    assert "difference -10.0 (better)" in statement.sentences[1]  # not the other's 27 against 40
    (folder / "rows.json").unlink()
    newest = _statements(read_results(folder))[0]
    assert "DDIM 5 steps (no row of a preset)" in newest.sentences[0]
    assert "difference -13.0 (better)" in newest.sentences[1]
