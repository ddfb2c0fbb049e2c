from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from longibench.reports.model.better_copy import BetterCopySkill, with_better_copy
from longibench.reports.model.results import Results
from longibench.reports.tables.report_tables import build_tables

FACTS: dict[str, Any] = {
    "kind": "pair", "unit": "", "decimals": 3, "best": None, "source": "", "family": "change"
}  # fmt: skip
METRICS = (
    {**FACTS, "name": "skill-head", "title": "Skill", "higher_is_better": True},
    {**FACTS, "name": "mae-head", "title": "MAE [head]", "higher_is_better": False},
)
ERRORS = {"copy-source": 0.10, "copy-smoothed": 0.08, "ours": 0.06}


@pytest.fixture
def measured(beside: Results) -> Results:
    """Results with an error per pair, in proportion to the subject's number."""
    ssim = beside.scores[beside.scores["metric"] == "ssim"]
    ssim = ssim[ssim["method"].isin(ERRORS)]
    number = ssim["subject"].str[-1].astype(int) + 1
    errors = ssim.assign(
        metric="mae-head", title="MAE [head]", value=ssim["method"].map(ERRORS) * number
    )
    skills = ssim.assign(metric="skill-head", title="Skill", value=0.0)
    return replace(
        beside, scores=pd.concat([errors, skills], ignore_index=True), recorded=METRICS, rows={}
    )


def better(results: Results) -> BetterCopySkill:
    (found,) = [
        its
        for its in with_better_copy(results, results.metrics)
        if isinstance(its, BetterCopySkill)
    ]
    return found


def test_it_is_a_ratio_of_means_against_the_better_copy(measured: Results) -> None:
    column = better(measured)
    assert column.copy.method == "copy-smoothed"
    assert "mean MAE of 'Smoothed copy of the source', head" in column.metric.title
    values = {e.method: column.estimate(measured, e).interval for e in measured.entries}
    assert values["ours"].estimate == pytest.approx(1 - 0.06 / 0.08)
    assert (values["ours"].low, values["ours"].high) == pytest.approx((0.25, 0.25))  # in proportion
    assert values["copy-source"].estimate == pytest.approx(1 - 0.10 / 0.08)
    assert values["copy-smoothed"].estimate == pytest.approx(0)


def test_if_smoothing_does_not_help_it_is_skill_against_the_copy(measured: Results) -> None:
    scores = measured.scores.copy()
    worse = (scores["metric"] == "mae-head") & (scores["method"] == "copy-smoothed")
    scores.loc[worse, "value"] *= 2
    results = replace(measured, scores=scores)
    column = better(results)
    assert column.copy.method == "copy-source"
    ours = next(entry for entry in results.entries if entry.method == "ours")
    assert column.estimate(results, ours).value == pytest.approx(0.4)


def test_the_interval_is_of_the_ratio_over_subjects(measured: Results) -> None:
    scores = measured.scores.copy()
    ours = (scores["metric"] == "mae-head") & (scores["method"] == "ours")
    scores.loc[ours, "value"] += np.where(scores.loc[ours, "subject"].str[-1] < "3", 0.02, -0.01)
    results = replace(measured, scores=scores)
    (entry,) = [entry for entry in results.entries if entry.method == "ours"]
    interval = better(results).estimate(results, entry).interval
    assert interval.low < interval.estimate < interval.high
    assert interval.subjects == 6
    errors = scores[scores["metric"] == "mae-head"].groupby("method")["value"].mean()
    assert interval.estimate == pytest.approx(1 - errors["ours"] / errors["copy-smoothed"])


def test_pairs_have_equal_weight_as_in_the_skill(measured: Results) -> None:
    """A subject with fewer pairs counts less, in the estimate and in each training seed's."""
    scores = measured.scores
    few = (scores["subject"] == scores["subject"].iloc[0]) & (scores["interval_years"] > 1.5)
    scores = scores[~few].copy()
    ours = (scores["metric"] == "mae-head") & (scores["method"] == "ours")
    scores.loc[ours & (scores["interval_years"] < 1.5), "value"] /= 2
    results = replace(measured, scores=scores)
    (entry,) = [entry for entry in results.entries if entry.method == "ours"]
    found = better(results).estimate(results, entry)
    sums = scores[scores["metric"] == "mae-head"].groupby("method")["value"].sum()
    assert found.value == pytest.approx(1 - sums["ours"] / sums["copy-smoothed"])
    assert found.by_seed == pytest.approx((found.value,))


def test_it_stands_behind_the_skill_and_needs_two_copies(measured: Results) -> None:
    heads = [column.head for table in build_tables(measured) for column in table.columns]
    place = heads.index("Skill ↑")
    assert heads[place + 1] == "Skill against the better copy ↑"
    alone = replace(measured, scores=measured.scores[measured.scores["method"] != "copy-smoothed"])
    assert all(column in alone.metrics for column in with_better_copy(alone, alone.metrics))
