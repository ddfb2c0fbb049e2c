"""The page shows what was measured, and the volumes are as it describes them."""

import numpy as np
import pandas as pd
import pytest
from fools.page import COPY, HALF, IGNORANT, MEASURES, PAGE, ROWS, TABLE, VERSIONS, Values, render
from fools.volumes import RANDOM, random_signs

from longibench.benchmark.settings.schema import DEFAULT_METRICS


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return pd.read_csv(TABLE)


def test_the_page_has_what_was_measured(table: pd.DataFrame) -> None:
    assert render(table) in PAGE.read_text(encoding="utf-8")


def test_every_row_and_metric_was_measured(table: pd.DataFrame) -> None:
    whole = table[(table["group"] == "all") & table["metric"].isin(MEASURES)]
    for version in VERSIONS:
        rows = whole[whole["version"] == version]
        assert set(ROWS) <= set(rows["row"])
        assert set(rows.loc[rows["row"] == HALF, "metric"]) == set(MEASURES)


def test_what_a_metric_measures_is_in_at_most_eight_words() -> None:
    others = {"fid-mean", "fid-covariance", "fid-random"}  # not measured yet
    others |= {its for its in DEFAULT_METRICS if its.startswith(("ventricles-", "brain-"))}
    assert tuple(MEASURES) == tuple(name for name in DEFAULT_METRICS if name not in others)
    assert all(len(text.split()) <= 8 for text in MEASURES.values())


def test_a_row_is_marked_if_it_is_better_than_half_of_the_change() -> None:
    scores = {COPY: 9.0, HALF: 2.0, **dict.fromkeys(IGNORANT, 3.0), RANDOM: 1.0}
    table = pd.DataFrame(
        [
            {"version": "phantom", "group": "all", "row": row, "metric": "fid", "value": value}
            for row, value in scores.items()
        ]
    )
    assert Values(table, "phantom").fooled_by("fid") == [RANDOM]


def test_a_random_direction_is_one_field_a_subject() -> None:
    signs = random_signs("0001", (16, 20, 16), 5.0)
    assert np.array_equal(signs, random_signs("0001", (16, 20, 16), 5.0))
    assert not np.array_equal(signs, random_signs("0002", (16, 20, 16), 5.0))
    assert set(np.unique(signs)) == {-1.0, 1.0}
    along = (signs[1:] == signs[:-1]).mean()  # smooth: neighbours mostly agree
    assert 0.75 < along < 0.95
