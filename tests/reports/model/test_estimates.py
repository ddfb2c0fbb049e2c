import math
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from longibench.metrics.detectable import UNDETECTABLE
from longibench.metrics.statistics_paired import Comparison
from longibench.reports.model.estimates import better_first, compare, estimate
from longibench.reports.model.metric_facts import MetricFacts
from longibench.reports.model.results import Entry, Results, read_results


def _metric(results: Results, name: str) -> MetricFacts:
    return next(metric for metric in results.metrics if metric.name == name)


def _entry(results: Results, method: str) -> Entry:
    return next(entry for entry in results.entries if entry.method == method)


def test_every_interval_contains_its_estimate(results: Results) -> None:
    for metric in results.metrics:
        for entry in results.entries:
            interval = estimate(results, entry, metric).interval
            assert interval.low < interval.estimate < interval.high


def test_subjects_count_alike_however_many_visits_they_have(results: Results) -> None:
    scores = results.scores
    rows = scores[(scores["method"] == "ours") & (scores["metric"] == "ssim")].copy()
    first, second = sorted(rows["subject"].unique())[:2]
    rows = rows[(rows["subject"] == first) | (rows["subject"] == second)]
    rows = pd.concat([rows[rows["subject"] == first].head(1), rows[rows["subject"] == second]])
    rows["value"] = np.where(rows["subject"] == first, 0.0, 1.0)
    found = estimate(replace(results, scores=rows), _entry(results, "ours"), results.metrics[1])
    assert found.value == pytest.approx(0.5)
    assert found.volumes == len(rows)


def test_training_seeds_are_averaged_and_listed(tmp_path: Path, fake: Any) -> None:
    results = read_results(replace(fake, seeds=3).write(tmp_path))
    for name, values in (("fid", [30, 31, 32]), ("ssim", [0.90, 0.91, 0.92])):
        found = estimate(results, _entry(results, "ours"), _metric(results, name))
        assert found.by_seed == pytest.approx(values)
        assert found.value == pytest.approx(values[1])
        assert found.seed_spread == pytest.approx(values[1] - values[0])
        assert found.volumes == 18


def test_interval_over_subjects_leaves_the_spread_between_seeds_out(
    tmp_path: Path, fake: Any
) -> None:
    one = read_results(fake.write(tmp_path / "one"))
    three = read_results(replace(fake, seeds=3).write(tmp_path / "three"))
    for name in ("fid", "ssim"):
        widths = [
            interval.high - interval.low
            for results in (one, three)
            for interval in [
                estimate(results, _entry(results, "ours"), _metric(results, name)).interval
            ]
        ]
        assert widths[0] == pytest.approx(widths[1])


def test_floor_is_known_where_the_scores_tell_it(full: Results) -> None:
    found = estimate(full, _entry(full, "ours"), _metric(full, "fid")).floor
    assert found is not None
    assert (found.real, found.generated, found.volumes) == (3.0, 32.0, 36)
    assert estimate(full, _entry(full, "ours"), _metric(full, "ssim")).floor is None


def test_a_missing_value_keeps_its_reason(results: Results) -> None:
    scores = results.scores[results.scores["role"] == "value"].copy()
    chosen = scores["metric"] == "fid"
    scores.loc[chosen, "value"] = np.nan
    scores.loc[chosen, "note"] = "one volume has no covariance"
    found = estimate(replace(results, scores=scores), _entry(results, "ours"), results.metrics[0])
    assert math.isnan(found.value)
    assert found.note == "one volume has no covariance"


def test_partly_missing_values_are_counted(results: Results) -> None:
    scores = results.scores.copy()
    chosen = scores.index[(scores["metric"] == "ssim") & (scores["method"] == "ours")][:2]
    scores.loc[chosen, "value"] = np.nan
    scores.loc[chosen, "note"] = "no head found"
    found = estimate(replace(results, scores=scores), _entry(results, "ours"), results.metrics[1])
    assert found.note == "2 of 18 values are missing: no head found"
    assert found.volumes == 16


@pytest.mark.parametrize(
    ("note", "expected"),
    [
        ("the real brain grows", "doubtful: the real brain grows"),
        (f"{UNDETECTABLE}below 1%", "of real pairs with no detectable change: below 1%"),
    ],
)
def test_values_of_real_pairs_with_a_note_count_and_are_noted(
    note: str, expected: str, results: Results
) -> None:
    scores = results.scores.copy()
    chosen = scores.index[(scores["metric"] == "ssim") & (scores["method"] == "ours")][:2]
    scores.loc[chosen, "note"] = note
    found = estimate(replace(results, scores=scores), _entry(results, "ours"), results.metrics[1])
    assert found.note == f"2 of 18 values are {expected}"
    assert found.volumes == 18


@pytest.mark.parametrize(("name", "expected"), [("fid", -10.0), ("ssim", 0.04)])
def test_paired_difference(results: Results, name: str, expected: float) -> None:
    pair = _entry(results, "ours"), _entry(results, "med-ddpm")
    there = compare(results, pair, _metric(results, name))
    back = compare(results, pair[::-1], _metric(results, name))
    assert isinstance(there, Comparison)
    assert isinstance(back, Comparison)
    assert there.difference.estimate == pytest.approx(expected)
    assert there.difference.low <= expected <= there.difference.high
    assert back.difference.estimate == pytest.approx(-expected)
    assert there.p_value == back.p_value
    assert there.difference.low == pytest.approx((-back.difference).low)


def test_different_counts_are_not_compared(results: Results) -> None:
    scores = results.scores.copy()
    chosen = (scores["metric"] == "fid") & (scores["method"] == "ours")
    scores.loc[chosen, "n"] = 36
    pair = _entry(results, "ours"), _entry(results, "vae")
    reason = compare(replace(results, scores=scores), pair, results.metrics[0])
    assert reason == "on different numbers of volumes: N = 18, 36"


def test_the_better_one_is_first(full: Results) -> None:
    """Ordering needs no interval, and agrees with the comparison for every kind of metric."""
    entries = [entry for entry in full.entries if entry.method != "copy-source"]
    for metric in full.metrics:
        for pair in permutations(entries, 2):
            compared = compare(full, better_first(full, pair, metric), metric)
            assert isinstance(compared, Comparison)
            ahead = compared.difference.estimate
            assert (ahead if metric.higher_is_better else -ahead) >= 0, metric.name


def test_volumes_of_only_one_entry_do_not_count(results: Results) -> None:
    scores = results.scores.copy()
    chosen = (scores["metric"] == "ssim") & (scores["method"] == "ours")
    scores.loc[chosen & (scores["visit"] != "ses-M012"), "value"] = np.nan
    pair = _entry(results, "ours"), _entry(results, "med-ddpm")
    fewer = replace(results, scores=scores)
    assert set(fewer.values_of(pair[0], _metric(results, "ssim"))["visit"]) == {1}
    compared = compare(fewer, pair, _metric(results, "ssim"))
    first = results.scores["visit"] == "ses-M012"
    alone = replace(results, scores=results.scores[first | (results.scores["visit"] == "")])
    assert compared == compare(alone, pair, _metric(results, "ssim"))
