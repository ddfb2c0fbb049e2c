import numpy as np
import pandas as pd
import pytest

from longibench.benchmark.preparation.outliers import ODD, suspicions


def scans(subjects: int = 40, visits: int = 3) -> pd.DataFrame:
    """A cohort of ordinary scans."""
    rng = np.random.default_rng(0)
    count = subjects * visits
    brains = np.repeat(rng.normal(1300, 100, subjects), visits)
    return pd.DataFrame(
        {
            "subject": np.repeat([f"s{n:02d}" for n in range(subjects)], visits),
            "quality_overlap": rng.normal(0.97, 0.005, count).clip(max=1),
            "quality_similarity": rng.normal(0.9, 0.02, count),
            "quality_brain_ml": brains * rng.normal(1, 0.01, count),
            "quality_scale": np.repeat(rng.normal(1.2, 0.08, subjects), visits),
        }
    )


@pytest.mark.parametrize(
    ("row", "column", "value", "reason"),
    [
        (4, "quality_overlap", 0.7, "overlap with the source 0.7"),
        (3, "quality_overlap", 0.7, "overlap with the template 0.7"),
        (5, "quality_similarity", 0.4, "similarity to the source"),
        (8, "quality_brain_ml", 1700, "brain against the source's"),
        (9, "quality_scale", 2.5, "head size factor 2.5"),
    ],
)
def test_a_planted_fault_comes_first(row: int, column: str, value: float, reason: str) -> None:
    table = scans()
    table.loc[row, column] = value
    ratings = suspicions(table)
    worst = max(range(len(ratings)), key=lambda index: ratings[index].score)
    assert worst == row
    assert ratings[row].odd
    assert reason in ratings[row].reason
    assert "usually" in ratings[row].reason


def test_ordinary_scans_are_rarely_odd() -> None:
    assert np.mean([rating.odd for rating in suspicions(scans(200))]) < 0.01


def test_better_than_usual_is_not_odd() -> None:
    table = scans()
    table.loc[4, ["quality_overlap", "quality_similarity"]] = 1.0
    assert suspicions(table)[4].score < ODD


def test_every_scan_of_a_badly_prepared_cohort_is_odd() -> None:
    table = scans().assign(quality_overlap=0.6)
    assert all(rating.odd for rating in suspicions(table))


def test_without_measures_no_scan_is_odd() -> None:
    table = scans()
    table.loc[:, table.columns[1:]] = np.nan
    assert {rating.score for rating in suspicions(table)} == {0.0}
