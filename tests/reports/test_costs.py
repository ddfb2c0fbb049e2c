import pytest

from reports.costs import COST_HEADS, cost_rows, duration
from reports.results import Results


def test_costs_of_each_method(results: Results) -> None:
    rows = dict(cost_rows(results))
    ours = dict(zip(COST_HEADS, rows["Ours"], strict=True))
    assert ours["Training"] == "2 min 10 s"
    assert ours["Parameters"] == "1,200,000"
    assert ours["Peak memory"] == "1.9 GB"
    assert rows["Copy of the source"][0] == "—"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(3.2, "3.2 s"), (130, "2 min 10 s"), (7260, "2 h 1 min")],
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text
