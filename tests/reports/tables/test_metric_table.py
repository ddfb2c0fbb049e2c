from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from longibench.benchmark.core.console import Console
from longibench.reports.model.caption import preparation
from longibench.reports.model.results import Results, read_results
from longibench.reports.tables.comparisons import build_comparisons
from longibench.reports.tables.metric_table import Table
from longibench.reports.tables.report_tables import build_tables


def build_table(results: Results) -> Table:
    """Table I."""
    return build_tables(results, build_comparisons(results, Console(quiet=True)))[0]


def _letters(table: Table, column: int) -> dict[str, str]:
    return {row.entry.method: row.cells[column].letters for row in table.rows}


def _best(table: Table, column: int) -> list[str]:
    return [row.entry.method for row in table.rows if row.cells[column].best]


def _moved(results: Results, method: str, metric: str, by: float) -> Results:
    scores = results.scores.copy()
    scores.loc[(scores["method"] == method) & (scores["metric"] == metric), "value"] += by
    return replace(results, scores=scores)


def test_letters_follow_the_direction_and_leave_the_copy_out(full: Results) -> None:
    table = build_table(full)
    assert [column.metric.name for column in table.columns] == ["fid", "ssim", "ssim-head"]
    apart = {"copy-source": "", "ours": "a", "med-ddpm": "b", "vae": "c"}
    for column in range(3):
        assert _best(table, column) == ["ours"]
        assert _letters(table, column) == apart


def test_what_no_test_tells_apart_shares_a_letter_and_bold(full: Results) -> None:
    values = _moved(full, "med-ddpm", "ssim", 0.04)  # on average as ours
    table = build_table(values)
    assert _letters(table, 1) == {"copy-source": "", "ours": "a", "med-ddpm": "a", "vae": "b"}
    assert _best(table, 1) == ["med-ddpm", "ours"]
    assert _best(table, 2) == ["ours"]


def test_nothing_is_bold_if_all_are_in_the_leading_group(full: Results) -> None:
    values = _moved(_moved(full, "med-ddpm", "ssim", 0.04), "vae", "ssim", 0.15)
    table = build_table(values)
    assert _letters(table, 1) == {"copy-source": "", "ours": "a", "med-ddpm": "a", "vae": "a"}
    assert _best(table, 1) == []


def test_few_subjects_cannot_be_told_apart(results: Results, tmp_path: Path, fake: Any) -> None:
    """The smallest p of six is 0.031, of which Holm's correction over three pairs makes 0.094."""
    assert set(_letters(build_table(results), 1).values()) == {"", "a"}
    five = build_table(read_results(replace(fake, subjects=5).write(tmp_path)))
    assert set(_letters(five, 1).values()) == {""}
    cell = five.rows[-1].cells[1]
    assert (cell.best, cell.interval) == (False, "")
    assert five.notes[cell.note - 1] == "no interval and no test with fewer than 6 subjects"
    assert "No interval and no test: fewer than 6 subjects." in five.caption


def test_an_interval_of_a_distance_ends_at_zero(results: Results) -> None:
    scores = results.scores.copy()
    without = (scores["metric"] == "fid") & (scores["role"] == "leave-out")
    scores.loc[without, "value"] += 40 * np.arange(without.sum())
    metrics = [{**its, "minimum": 0.0} for its in results.protocol["metrics"]]
    wide = replace(results, scores=scores)
    cut = replace(wide, protocol={**results.protocol, "metrics": metrics})
    assert build_table(wide).rows[-1].cells[0].estimate.interval.low < 0
    found = build_table(cut).rows[-1].cells[0]
    assert found.estimate.interval.low == 0
    assert found.interval.startswith("0.0 to ")


def test_one_method_alone_is_not_best(tmp_path: Path, fake: Any) -> None:
    results = read_results(replace(fake, methods=("ours", "copy-source")).write(tmp_path))
    assert _best(build_table(results), 0) == []


def test_another_count_of_volumes_is_not_ranked(results: Results) -> None:
    scores = results.scores.copy()
    chosen = (scores["method"] == "ours") & (scores["metric"] == "fid")
    scores.loc[chosen, "n"] = 36
    table = build_table(replace(results, scores=scores))
    assert table.columns[0].title == "FID [random:0, N=18]"
    assert _best(table, 0) == ["med-ddpm"]
    assert _letters(table, 0) == {"copy-source": "", "ours": "", "med-ddpm": "a", "vae": "b"}
    assert "N=36" in table.notes[table.rows[-1].cells[0].note - 1]


def test_missing_value_is_a_dash_with_its_reason(results: Results) -> None:
    scores = results.scores[results.scores["role"] == "value"].copy()
    chosen = scores["metric"] == "fid"
    scores.loc[chosen, "value"] = np.nan
    scores.loc[chosen, "note"] = "FID needs two subjects"
    table = build_table(replace(results, scores=scores))
    cell = table.rows[0].cells[0]
    assert (cell.text, cell.interval) == ("—", "")
    assert table.notes[cell.note - 1] == "FID needs two subjects"


def test_published_values_stand_beside_and_are_not_comparable(results: Results) -> None:
    table = build_table(results)
    assert [row.published for row in table.rows] == [
        ("—", "—"),
        ("201.32", "0.2662"),
        ("39.28", "0.2314"),
        ("33.75", "0.2774"),
    ]
    assert table.published_label == "published, not comparable"
    assert "the paper names no feature extractor" in table.notes[table.published_note - 1]


def test_caption_states_how_the_numbers_were_made(results: Results) -> None:
    caption = build_table(results).caption
    for fact in ("phantom (96 subjects", "lowest hash", "18 pairs", "6 subjects", "16", "8 mm"):
        assert fact in caption
    for fact in ("bootstrap", "jackknife", "fewer than 10 subjects", "One training seed"):
        assert fact in caption


def test_spread_between_training_seeds_is_shown(tmp_path: Path, fake: Any) -> None:
    table = build_table(read_results(replace(fake, seeds=2).write(tmp_path)))
    row = table.rows[-1]
    assert row.seeds == 2
    assert row.cells[0].spread == "± 0.7 between 2 seeds"
    assert "standard deviation between seeds" in table.caption
    assert "means over training seeds" in table.caption


def test_no_subject_is_named(results: Results) -> None:
    subjects = set(pd.unique(results.pairs["subject"]))
    assert not [subject for subject in subjects if subject in str(build_table(results))]


def test_preparation_is_described_in_words() -> None:
    steps = {"bias": True, "brain": "deepbet", "brain_version": "1.0.2", "registration": "affine"}
    text = preparation({**steps, "percentiles": [1.0, 99.5]})
    assert text == (
        "brain extraction deepbet 1.0.2, bias field N4, registration affine, intensities 1 to 99.5%"
    )
    nothing = {"bias": False, "brain": "", "registration": "none", "percentiles": [1.0, 99.5]}
    assert preparation(nothing) == "intensities 1 to 99.5%"


def test_references_and_oracles_are_marked_and_never_best(beside: Results) -> None:
    table = build_table(beside)
    assert [_best(table, column) for column in range(3)] == [["ours"], [], []]
    assert all(
        bool(cell.letters) == (row.entry.role == "method")
        for row in table.rows
        for cell in row.cells
    )
    notes = {row.entry.method: table.notes[row.note - 1] if row.note else "" for row in table.rows}
    assert notes["copy-smoothed"] == notes["copy-source"]
    assert notes["copy-source"].startswith("A reference, never ranked or compared")
    assert "no method can be asked for it" in notes["half-change"]
    assert notes["ours"] == ""


def test_an_oracles_missing_metrics_have_no_note(beside: Results) -> None:
    scores = beside.scores
    few = scores[(scores["method"] != "half-change") | (scores["metric"] != "psnr")]
    tables = build_tables(replace(beside, scores=few))
    (place,) = [
        (table, index)
        for table in tables
        for index, column in enumerate(table.columns)
        if column.metric.name == "psnr"
    ]
    cell = place[0].rows[-1].cells[place[1]]
    assert (cell.text, cell.note) == ("—", 0)


def test_a_table_without_any_value_of_an_oracle_leaves_it_out(beside: Results) -> None:
    scores = beside.scores
    few = scores[(scores["method"] != "half-change") | (scores["metric"] == "ssim")]
    for table in build_tables(replace(beside, scores=few)):
        shown = "half-change" in [row.entry.method for row in table.rows]
        assert shown == any(column.metric.name == "ssim" for column in table.columns)
