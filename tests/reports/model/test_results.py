import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from longibench.benchmark.core.errors import UserError
from longibench.reports.model.results import Results, read_results


def test_rows_stand_in_the_papers_order_after_the_reference(tmp_path: Path, fake: Any) -> None:
    names = ("ours", "vae", "zeta", "med-ddpm", "alpha", "copy-source")
    results = read_results(replace(fake, methods=names).write(tmp_path))
    methods = [entry.method for entry in results.entries]
    assert methods == ["copy-source", "vae", "med-ddpm", "ours", "alpha", "zeta"]


def test_metrics_start_with_the_papers_columns(results: Results) -> None:
    assert [metric.name for metric in results.metrics] == ["fid", "ssim", "ssim-head"]


def test_two_settings_of_a_method_are_two_labelled_rows(folder: Path) -> None:
    scores = pd.read_csv(folder / "scores.csv", keep_default_na=False)
    again = scores[scores["method"] == "ours"].assign(settings="bbbb")
    pd.concat([scores, again]).to_csv(folder / "scores.csv", index=False)
    labels = [entry.label for entry in read_results(folder).entries]
    assert labels[-2:] == ["Dao et al. (ours), predicts x0, DDIM 10 steps", "Dao et al. (ours)"]


def test_newest_entry_is_the_one_generated_last(folder: Path) -> None:
    scores = pd.read_csv(folder / "scores.csv", keep_default_na=False)
    again = scores[scores["method"] == "ours"].assign(settings="0000")
    pd.concat([scores, again]).to_csv(folder / "scores.csv", index=False)
    old = folder / "predictions" / "ours-s0" / "run.json"
    new = folder / "predictions" / "ours-new" / "run.json"
    new.parent.mkdir()
    new.write_text(old.read_text().replace('"aaaa"', '"0000"'))
    os.utime(old, ns=(1, 1))
    newest = read_results(folder).newest("ours")
    assert newest is not None
    assert newest.settings == "0000"


@pytest.mark.parametrize("name", ["protocol.json", "pairs.csv", "scores.csv"])
@pytest.mark.parametrize("content", [None, "{"])
def test_missing_or_damaged_file_is_named(folder: Path, name: str, content: str | None) -> None:
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_text(content)
    with pytest.raises(UserError, match=name):
        read_results(folder)


def test_an_empty_score_table_is_an_error(folder: Path) -> None:
    scores = pd.read_csv(folder / "scores.csv")
    scores.head(0).to_csv(folder / "scores.csv", index=False)
    with pytest.raises(UserError, match="no scores"):
        read_results(folder)


def test_what_is_better_follows_direction_and_best_value(full: Results) -> None:
    facts = {metric.name: metric for metric in full.metrics}
    assert facts["ssim"].badness(0.9) < facts["ssim"].badness(0.8)
    assert facts["fid"].badness(10) < facts["fid"].badness(20)
    bias = facts["ventricles-intercept"]
    assert bias.badness(-0.1) < bias.badness(0.2)
    assert [facts[name].arrow for name in ("ssim", "fid", "ventricles-intercept")] == [
        "↑",
        "↓",
        "→ 0",
    ]


@pytest.mark.parametrize("made_by", ["null", "[]", '"x"', '{"training": null, "settings": [1]}'])
def test_what_is_odd_in_a_run_stops_no_report(folder: Path, made_by: str) -> None:
    run = folder / "predictions" / "ours-s0" / "run.json"
    run.write_text(run.read_text().replace("{", f'{{"made_by": {made_by}, ', 1))
    assert [entry.label for entry in read_results(folder).entries][-1] == "Dao et al. (ours)"


def test_without_facts_on_metrics_it_says_what_to_do(folder: Path) -> None:
    path = folder / "protocol.json"
    facts = json.loads(path.read_text())
    del facts["metrics"]
    path.write_text(json.dumps(facts))
    with pytest.raises(UserError, match="has no list of its metrics"):
        read_results(folder)


def test_what_is_read_for_a_report_names_no_place(folder: Path) -> None:
    place = "/home/jdoe/our scans/a.nii.gz"
    protocol = json.loads((folder / "protocol.json").read_text())
    protocol["warnings"] = [f"{place}: odd"]
    protocol["metrics"][0]["title"] = f"SSIM [{place}"
    (folder / "protocol.json").write_text(json.dumps(protocol))
    scores = pd.read_csv(folder / "scores.csv", keep_default_na=False)
    scores.assign(note=f"{place}: odd").to_csv(folder / "scores.csv", index=False)
    for number, path in enumerate(sorted(folder.glob("predictions/ours*/run.json"))):
        facts = json.loads(path.read_text())
        facts |= {"made_by": {"settings": {"root": f"{place}{number}"}}, "details": place}
        path.write_text(json.dumps(facts))
    results = read_results(folder)
    assert results.protocol["warnings"] == ["PATH: odd"]
    assert set(results.scores["note"]) == {"PATH: odd"}
    assert [metric.title for metric in results.metrics if "PATH" in metric.title]
    shown = [results.protocol, results.scores.to_csv(), results.metrics, results.entries]
    shown += [run.facts for run in results.runs]
    assert "jdoe" not in str(shown)


def test_references_come_first_and_oracles_last_as_their_runs_declare(beside: Results) -> None:
    assert [(entry.method, entry.role) for entry in beside.entries] == [
        ("copy-source", "reference"),
        ("copy-smoothed", "reference"),
        ("vae", "method"),
        ("med-ddpm", "method"),
        ("ours", "method"),
        ("half-change", "oracle"),
    ]
    assert beside.entries[-1].label == "Half of the change (oracle)"
    assert [entry.method for entry in beside.methods] == ["vae", "med-ddpm", "ours"]
    assert beside.pictured == beside.methods
