"""Forecasts of rates: known answers, statsmodels' values, and missing values."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from longibench.benchmark.evaluation.forecast_fit import mean_rate, regression

SEXES = ["F", "M"]


def people(count: int, seed: int = 0) -> pd.DataFrame:
    """Training subjects whose rate is a tenth of the volume and 2 ml a year more for women."""
    rng = np.random.default_rng(seed)
    volume, years = rng.uniform(10, 60, count), rng.uniform(1, 5, count)
    sex = rng.choice(SEXES, count)
    rate = 0.1 * volume + 2 * (sex == "F")
    return pd.DataFrame(
        {
            "source_ml": volume,
            "target_ml": volume + rate * years,
            "interval_years": years,
            "age": rng.uniform(60, 90, count),
            "sex": sex,
            "group": "CN",
        }
    )


def test_the_mean_rate_is_all_change_over_all_years() -> None:
    train = pd.DataFrame(
        {"source_ml": [10.0, 20], "target_ml": [13.0, 21], "interval_years": [3.0, 1]}
    )
    found = mean_rate(train, train.assign(source_ml=[5.0, 50]))
    np.testing.assert_allclose(found, [1, 1])


def test_a_linear_rate_is_found_exactly() -> None:
    train, test = people(60), people(8, seed=1)
    rates = (test["target_ml"] - test["source_ml"]) / test["interval_years"]
    np.testing.assert_allclose(regression(train, test), rates)


def test_it_is_weighted_least_squares_as_of_statsmodels() -> None:
    train, test = people(60), people(8, seed=1)
    train["target_ml"] += np.random.default_rng(2).normal(0, 3, len(train))
    known, new = (
        sm.add_constant(
            np.column_stack([its["source_ml"], its["age"], its["sex"] == "M"]).astype(float)
        )
        for its in (train, test)
    )
    rate = (train["target_ml"] - train["source_ml"]) / train["interval_years"]
    fitted = sm.WLS(rate.to_numpy(), known, weights=train["interval_years"].to_numpy()).fit()
    np.testing.assert_allclose(regression(train, test), fitted.predict(new))


def test_units_do_not_matter() -> None:
    train, test = people(60), people(8, seed=1)
    months = [its.assign(age=12 * its["age"]) for its in (train, test)]
    np.testing.assert_allclose(regression(*months), regression(train, test))


@pytest.mark.parametrize("unknown", [None, "", "X"])
def test_an_unknown_value_is_that_of_the_average_subject(unknown: str | None) -> None:
    train, test = people(60), people(1, seed=1)
    missing = test.assign(sex=unknown)
    both = [regression(train, test.assign(sex=sex)).iloc[0] for sex in SEXES]
    share = (train["sex"] == "M").mean()
    expected = (1 - share) * both[0] + share * both[1]
    assert regression(train, missing).iloc[0] == pytest.approx(expected)


def test_a_column_that_is_not_there_or_never_known_is_not_used() -> None:
    train, test = people(60), people(8, seed=1)
    without = regression(train.drop(columns="age"), test)
    np.testing.assert_allclose(regression(train.assign(age=np.nan), test), without)
    np.testing.assert_allclose(regression(train, test.drop(columns="age")), without)


def test_few_subjects_have_few_columns() -> None:
    test = people(8, seed=1)
    few, some = people(9), people(19)
    np.testing.assert_allclose(regression(few, test), mean_rate(few, test))
    by_volume = regression(some, test)
    np.testing.assert_allclose(by_volume, regression(some.drop(columns=["age", "sex"]), test))
    assert np.ptp(by_volume) > 0


def test_without_a_training_subject_there_is_no_forecast() -> None:
    test = people(3)
    assert mean_rate(test.head(0), test).isna().all()
    assert regression(test.head(0), test).isna().all()
