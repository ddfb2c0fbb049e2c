"""Metrics without any value are refused or reported, and doubtful real pairs are counted."""

import math

import pandas as pd
import pytest

from longibench.benchmark.core.errors import UserError
from longibench.benchmark.evaluation.score_checks import (
    refuse_broken,
    score_warnings,
    without_broken,
)
from longibench.benchmark.evaluation.subject_scorer import Value
from longibench.metrics.detectable import UNDETECTABLE

NAN = Value.of(math.nan)
TOO_FEW = Value.missing("needs 10 volumes")
FAST = Value(1.0, "the real brain grows")


def scores(**values: list[Value]) -> pd.DataFrame:
    rows = [
        {"method": "a", "metric": name, "definition": "d", "subject": f"secret{number}",
         "visit": "M12", "role": "value", "value": value.number, "note": value.note}
        for name, its in values.items()
        for number, value in enumerate(its)
    ]  # fmt: skip
    return pd.DataFrame(rows)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_without_a_mean_is_missing_with_a_note(number: float) -> None:
    value = Value.of(number)
    assert math.isnan(value.number)
    assert value.note == f"the metric returned {number}"
    assert Value.of(0.5) == Value(0.5, "")


def test_a_metric_that_is_always_nan_is_refused_and_the_others_are_kept() -> None:
    table = scores(broken=[NAN, NAN], ssim=[Value(1), NAN], fid=[TOO_FEW])
    with pytest.raises(UserError, match="metric 'broken': returned nan for every volume of a"):
        refuse_broken(table)
    kept = without_broken(table)
    assert set(kept["metric"]) == {"ssim", "fid"}
    refuse_broken(kept)


def test_a_reason_for_one_value_is_a_reason() -> None:
    refuse_broken(scores(odd=[NAN, TOO_FEW]))


def test_a_metric_without_any_value_is_reported_once_with_its_first_reason() -> None:
    table = scores(fid=[TOO_FEW, Value.missing("other")], ssim=[Value(1.0), TOO_FEW])
    assert score_warnings(table) == ["fid: none of 2 value(s) could be computed: needs 10 volumes"]


def test_metrics_of_an_earlier_version_are_not_reported() -> None:
    table = scores(monotonicity=[TOO_FEW], **{"brain-bias": [FAST], "fid": [TOO_FEW]})
    assert score_warnings(table) == ["fid: none of 1 value(s) could be computed: needs 10 volumes"]


def test_doubtful_real_pairs_are_counted_once_and_not_named() -> None:
    both = [FAST, Value(2.0)]
    (text,) = score_warnings(scores(**{"brain-change-error": both, "brain-change-error-ml": both}))
    assert text.startswith("the real brain grows, faster than a person's, in 1 of 2 real pair(s)")
    assert "(brain-change-error, brain-change-error-ml)" in text
    assert "secret" not in text


def test_pairs_without_a_detectable_change_are_no_warning() -> None:
    assert (
        score_warnings(scores(**{"brain-change-error": [Value(1.0, f"{UNDETECTABLE}the brain")]}))
        == []
    )
