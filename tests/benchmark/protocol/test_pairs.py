import pandas as pd
import pytest

from longibench.benchmark.core.errors import UserError
from longibench.benchmark.protocol.pairs import COLUMNS, annotate, make_pairs, pair_intervals
from longibench.benchmark.settings.schema import PairSettings


def table(**subjects: list[float]) -> pd.DataFrame:
    rows = [
        {"subject": subject, "visit": f"v{years}", "years": years, "volume": f"{subject}{years}"}
        for subject, times in subjects.items()
        for years in times
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("times", "chosen"),
    [
        ([0, 1, 2, 3, 4, 5], [1, 2, 3, 4, 5]),
        ([0, 1, 2, 3, 4, 5, 6, 7], [1, 2, 3, 4, 5]),  # up to five
        ([0, 0.5, 1.0, 1.5], [1.0]),  # within a quarter of a whole year
        ([0, 0.75, 1.25], [0.75]),  # one scan a year
        ([0, 0.8, 1.1, 2.9], [1.1, 2.9]),  # the nearest
    ],
)
def test_yearly(times: list[float], chosen: list[float]) -> None:
    pairs = make_pairs(table(a=times), PairSettings())
    assert pairs["interval_years"].tolist() == chosen
    assert set(pairs["source"]) == {f"a{times[0]}"}
    assert pairs["target"].tolist() == [f"a{years}" for years in chosen]


def test_all_takes_every_later_scan_of_the_same_subject() -> None:
    pairs = make_pairs(table(b=[0.5, 3.5], a=[0, 0.1, 7]), PairSettings(rule="all"))
    assert pairs["subject"].tolist() == ["a", "a", "b"]
    assert pairs["interval_years"].tolist() == [0.1, 7, 3]
    assert all(row.source[0] == row.target[0] == row.subject for row in pairs.itertuples())


def test_a_follow_up_that_is_not_later_is_refused() -> None:
    with pytest.raises(UserError, match="subject a: a follow-up is not later"):
        make_pairs(table(a=[0, 0, 1]), PairSettings())


def test_no_pair_is_an_error_that_says_what_to_try() -> None:
    with pytest.raises(UserError, match="try --pairs all"):
        make_pairs(table(a=[0, 0.5], b=[0]), PairSettings())


@pytest.mark.parametrize("rule", ["yearly", "all"])
def test_intervals_are_those_of_the_pairs(rule: str) -> None:
    settings = PairSettings(rule=rule)
    visits = table(b=[0.5, 1.4, 3.6], a=[0, 0.9, 1.1, 2.5], c=[0, 0.4])
    pairs = make_pairs(visits, settings)[["subject", "interval_years"]]
    pd.testing.assert_frame_equal(pair_intervals(visits.drop(columns="volume"), settings), pairs)


def test_what_scores_are_split_by_is_that_of_the_source() -> None:
    visits = table(a=[0, 1, 2], b=[0, 1]).assign(
        age=[70.5, 71.5, 72.5, 60.0, 61.0],
        site=["x", "x", "x", "y", "y"],
        field_tesla=[1.5, 3.0, 3.0, 3.0, 1.5],
    )
    plain = make_pairs(visits, PairSettings())
    found = annotate(plain, visits)
    assert found["age"].tolist() == [70.5, 70.5, 60.0]
    assert found["site"].tolist() == ["x", "x", "y"]
    assert found["field_tesla"].tolist() == [1.5, 1.5, 3.0]
    assert not {"sex", "group"} & set(found)  # the table has none
    assert list(plain) == COLUMNS  # what a protocol's digest is of
