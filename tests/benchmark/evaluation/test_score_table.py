import math
from pathlib import Path

import pandas as pd
import pytest

from longibench.benchmark.core.errors import UserError
from longibench.benchmark.evaluation.score_table import (
    _TEXT,
    IDENTITY,
    SCHEMA,
    merge_scores,
    read_scores,
)


def test_a_written_table_is_read_back(base: Path) -> None:
    (path,) = base.glob("phantom-*/scores.csv")
    scores = read_scores(path)
    pd.testing.assert_frame_equal(scores, read_scores(path))
    assert scores["subject"].map(type).eq(str).all()
    assert scores.loc[scores["subject"] == "", "interval_years"].map(math.isnan).all()
    assert "0002" in set(scores["subject"])  # and not 2


def test_every_column_is_read_with_the_type_of_the_schema() -> None:
    numbers = {"training_seed", "interval_years", "sample", "value", "n"}
    assert set(_TEXT) == set(SCHEMA.columns) - numbers


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "\x00\x01"])
def test_other_tables_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "scores.csv"
    path.write_text(text)
    with pytest.raises(UserError, match=r"not a score table|cannot be read as a table"):
        read_scores(path)
    with pytest.raises(UserError, match="no score table"):
        read_scores(tmp_path / "none.csv")


def test_a_table_of_an_earlier_version_has_no_identities(base: Path, tmp_path: Path) -> None:
    (path,) = base.glob("phantom-*/scores.csv")
    earlier = tmp_path / "scores.csv"
    pd.read_csv(path, dtype=str).drop(columns=IDENTITY).to_csv(earlier, index=False)
    found, now = read_scores(earlier), read_scores(path)
    assert (found[IDENTITY] == "").all(axis=None)
    pd.testing.assert_frame_equal(found.drop(columns=IDENTITY), now.drop(columns=IDENTITY))


def some(scores: pd.DataFrame, *names: str) -> pd.DataFrame:
    return scores[scores["metric"].isin(names)]


def test_scores_are_merged_by_metric_in_one_order(base: Path) -> None:
    (path,) = base.glob("phantom-*/scores.csv")
    scores = read_scores(path)
    every = scores["metric"].unique().tolist()
    first, second = every[:5], every[5:]
    one_way = merge_scores(some(scores, *first), some(scores, *second))
    other_way = merge_scores(some(scores, *second), some(scores, *first))
    pd.testing.assert_frame_equal(one_way, other_way)
    pd.testing.assert_frame_equal(one_way, merge_scores(None, scores))


def test_new_values_of_a_metric_replace_its_old_ones(base: Path) -> None:
    (path,) = base.glob("phantom-*/scores.csv")
    scores = read_scores(path)
    new = some(scores, "ssim").assign(value=2.0, code="another")
    merged = merge_scores(scores, new)
    assert (some(merged, "ssim")["value"] == 2).all()
    assert len(merged) == len(scores)
    other = some(scores, "ssim").assign(definition="another")
    assert len(merge_scores(scores, other)) == len(scores) + len(other)
