import json
from dataclasses import replace
from pathlib import Path

import pandas as pd

from longibench.reports.figures.figure_2_subject import build_sheet, choose_subject, spread
from longibench.reports.model.results import Results, read_results


def test_subject_with_most_follow_ups_is_shown(results: Results) -> None:
    pairs = results.pairs
    kept = pairs[(pairs["subject"] == "secret004") | (pairs["interval_years"] < 2)]
    assert choose_subject(replace(results, pairs=kept)) == "secret004"


def test_among_equals_the_most_ordinary_score_is_shown(results: Results) -> None:
    scores = results.scores.copy()
    chosen = (scores["metric"] == "ssim") & (scores["role"] == "value")
    order = scores["subject"].str[-1].where(chosen)
    scores.loc[chosen, "value"] = order[chosen].astype(float)
    # The median of 0..5 is 2.5; subjects 2 and 3 are equally near, the first id is taken.
    assert choose_subject(replace(results, scores=scores)) == "secret002"


def test_rows_are_real_then_each_method(results: Results) -> None:
    sheet = build_sheet(results)
    labels = [label for label, _ in sheet.rows]
    assert labels == ["Real", "VAE", "Med-DDPM", "Dao et al. (ours)"]
    assert all(len(volumes) == len(sheet.years) == 3 for _, volumes in sheet.rows)
    assert "secret" not in str(labels)


def test_without_a_method_references_are_shown(results: Results) -> None:
    copied = results.scores[results.scores["method"] == "copy-source"]
    sheet = build_sheet(replace(results, scores=copied))
    assert [label for label, _ in sheet.rows] == ["Real", "Copy of the source"]
    copies = sheet.rows[1][1]
    assert all(copy is not None and (copy == sheet.source).all() for copy in copies)
    assert any(change.any() for change in sheet.real_changes)


def test_more_than_five_follow_ups_are_spread_from_first_to_last() -> None:
    pairs = pd.DataFrame({"interval_years": [float(year) for year in range(1, 10)]})
    assert list(spread(pairs)["interval_years"]) == [1, 3, 5, 7, 9]


def test_volumes_made_elsewhere_are_found(folder: Path, tmp_path: Path) -> None:
    run = folder / "predictions" / "ours-s0"
    moved = run.rename(tmp_path / "elsewhere")
    facts = json.loads((moved / "run.json").read_text())
    run.mkdir()
    (run / "run.json").write_text(json.dumps({**facts, "folder": str(moved)}))
    volumes = build_sheet(read_results(folder)).rows[-1][1]
    assert all(volume is not None for volume in volumes)


def test_volumes_that_are_gone_leave_empty_cells(folder: Path) -> None:
    (folder / "predictions" / "ours-s0" / "manifest.csv").unlink()
    assert build_sheet(read_results(folder)).rows[-1][1] == (None, None, None)
