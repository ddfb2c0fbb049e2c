import pandas as pd
import pytest

from longibench.benchmark.cohorts.visit_table import visit_table
from longibench.benchmark.core.errors import UserError


def rows(*values: tuple[str, str, float | None, str]) -> pd.DataFrame:
    return pd.DataFrame(values, columns=["subject", "visit", "years", "path"])


def test_time_counts_from_the_first_scan() -> None:
    table = visit_table(rows(("b", "x", 71.5, "1"), ("a", "y", 9, "2"), ("a", "z", 8, "3")), "here")
    assert table["subject"].tolist() == ["a", "a", "b"]
    assert table["visit"].tolist() == ["z", "y", "x"]
    assert table["years"].tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([], "no scan was found"),
        ([("a", "x", 0, "p"), ("a", "y", 1, "./p")], "the same scan is listed twice"),
        ([("a", "x", 0, "p"), ("b", "x", 0, "p")], "the same scan is listed twice"),
        ([("a", "x", 0, "p"), ("a", "x", 1, "q")], "the same visit is listed twice"),
        ([("a", "x", 1, "p"), ("a", "y", 1, "q")], "two visits at the same time"),
        ([("a", "x", 0, "p"), ("a", "y", None, "q")], "subject a, visit y: a value is missing"),
    ],
)
def test_what_cannot_be_paired_is_refused(
    values: list[tuple[str, str, float | None, str]], message: str
) -> None:
    with pytest.raises(UserError, match=f"here: .*{message}"):
        visit_table(rows(*values), "here")
