import math
from pathlib import Path

import pandas as pd
import pytest

from benchmark.errors import UserError
from benchmark.scores import _TEXT, SCHEMA, read_scores


def test_what_was_written_is_read_back(base: Path) -> None:
    (path,) = base.glob("phantom-*/scores.csv")
    scores = read_scores(path)
    pd.testing.assert_frame_equal(scores, read_scores(path))
    assert scores["subject"].map(type).eq(str).all()
    assert scores.loc[scores["subject"] == "", "interval_years"].map(math.isnan).all()
    assert "0002" in set(scores["subject"])  # and not 2


def test_every_column_is_read_as_what_the_schema_says() -> None:
    numbers = {"training_seed", "interval_years", "sample", "value", "n"}
    assert set(_TEXT) == set(SCHEMA.columns) - numbers


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "\x00\x01"])
def test_other_tables_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "scores.csv"
    path.write_text(text)
    with pytest.raises(UserError, match="not a score table"):
        read_scores(path)
    with pytest.raises(UserError, match="no score table"):
        read_scores(tmp_path / "none.csv")
