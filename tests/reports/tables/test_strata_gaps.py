"""The worst strata: known answers, direction, and what is not published."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from longibench.benchmark.core.console import Console
from longibench.reports.model.results import Results
from longibench.reports.tables.strata import StratumValue, build_strata
from longibench.reports.tables.strata_gaps import gap_records, print_gaps, worst_gaps


def _worst(results: Results) -> list[StratumValue]:
    return worst_gaps(build_strata(results, Console(quiet=True)))


def _of(worst: list[StratumValue], metric: str, method: str, kind: str) -> StratumValue:
    (found,) = (
        value
        for value in worst
        if (value.metric.name, value.entry.method) == (metric, method)
        and value.stratum.kind.column == kind
    )
    return found


def _with_worse_men(results: Results, metric: str, by: float) -> Results:
    men = set(results.pairs.loc[results.pairs["sex"] == "M", "subject"])
    scores = results.scores.copy()
    scores.loc[(scores["metric"] == metric) & scores["subject"].isin(men), "value"] += by
    return replace(results, scores=scores)


def _others(results: Results, metric: str) -> float:
    """Men minus women as the fake made them."""
    scores = results.scores.merge(results.pairs[["subject", "sex"]].drop_duplicates())
    mine = scores[(scores["metric"] == metric) & (scores["method"] == "ours")]
    means = mine.groupby("sex")["value"].mean()
    return float(means["M"] - means["F"])


@pytest.mark.parametrize(("metric", "by"), [("ssim", -0.1), ("psnr", -3.0)])
def test_a_worse_group_is_found_with_its_gap(full: Results, metric: str, by: float) -> None:
    found = _of(_worst(_with_worse_men(full, metric, by)), metric, "ours", "sex")
    assert found.stratum.label == "M"
    assert found.gap.estimate == pytest.approx(by + _others(full, metric))
    assert found.gap.low < found.gap.estimate < found.gap.high < 0


def test_with_an_ideal_value_the_farther_group_is_worse(full: Results) -> None:
    """Ours is 0.3 above 0 and men are then 0.8 below."""
    moved = _with_worse_men(full, "ventricles-bias", -1.1)
    found = _of(_worst(moved), "ventricles-bias", "ours", "sex")
    assert found.stratum.label == "M"
    assert found.gap.estimate == pytest.approx(0.5, abs=0.05)


def test_pairs_of_the_same_subjects_are_compared_too(full: Results) -> None:
    scores = full.scores.copy()
    late = (scores["metric"] == "ssim") & (scores["interval_years"] > 2.5)
    scores.loc[late, "value"] -= 0.05
    found = _of(_worst(replace(full, scores=scores)), "ssim", "ours", "years")
    assert found.stratum.label == "3 years"
    assert found.gap.estimate == pytest.approx(-0.05)
    assert found.gap.high < -0.049  # the subjects' own levels cancel


def test_a_gap_to_few_others_would_give_their_mean_away(full: Results) -> None:
    number = full.pairs["subject"].str[-3:].astype(int)
    few = replace(full, pairs=full.pairs.assign(group=np.where(number < 3, "AD", "CN")))
    values = [v for v in build_strata(few, Console(quiet=True)) if v.stratum.kind.column == "group"]
    assert {value.stratum.label for value in values} == {"AD", "CN"}
    assert all(math.isnan(value.gap.estimate) for value in values)
    assert worst_gaps(values) == []


def test_printed_and_recorded_without_a_subject(full: Results) -> None:
    worst = _worst(full)
    tables = print_gaps(worst)
    assert [table.title for table in tables] == [
        "Fidelity, the worst stratum minus the others",
        "Change, the worst stratum minus the others",
    ]
    heads = [head.text for head in tables[0].heads]
    assert heads == ["Method", "By interval", "By diagnosis at the source", "By sex"]
    for table in tables:
        lines: list[Any] = [line for section in table.sections for line in section.lines]
        assert {len(line) for line in lines} == {4}
    records = pd.DataFrame(gap_records(worst))
    assert "secret" not in records.to_csv()
    assert (records["low"] <= records["minus_others"]).all()
