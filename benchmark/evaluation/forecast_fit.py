"""Forecasts of how fast a structure's volume changes, fitted on the training part.

Both are weighted least squares of a training subject's rate, in ml a year, from its source to its
last follow-up. The weight is the interval: the error of a rate is smaller over a longer one. They
are in ml, not in percent: the metrics sum changes in ml, and percent of the smallest ventricles
would dominate a mean. ``regression`` finds itself how the rate depends on the volume.
"""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

import numpy as np
import pandas as pd

BEFORE, AFTER, YEARS = "source_ml", "target_ml", "interval_years"
NUMBERS, LEVELS = (BEFORE, "age"), ("sex", "group")  # the most informative first
KNOWN = ("age", "sex", "group")  # at the source, besides its volume
SUBJECTS_A_COLUMN = 10  # fewer fit noise (Harrell 2015, Regression Modeling Strategies, 4.4)

Forecast = Callable[[pd.DataFrame, pd.DataFrame], pd.Series]


def mean_rate(train: pd.DataFrame, test: pd.DataFrame) -> pd.Series:
    """Everybody changes by the training part's mean rate: its total change over its total years.

    Args:
        train: One row a training subject: ``BEFORE`` and ``AFTER`` in ml, ``YEARS`` between them,
            and those of ``KNOWN`` that there are.
        test: Rows with the same columns but ``AFTER``.

    Returns:
        The rate of each row of ``test`` in ml a year; NaN without a training subject.
    """
    return _fitted(train, train[[]], test[[]])


def regression(train: pd.DataFrame, test: pd.DataFrame) -> pd.Series:
    """The rate by least squares on volume, age, sex and group at the source.

    Arguments as of ``mean_rate``.

    A missing value counts as that of the average training subject. Of the columns, in the order of
    ``NUMBERS`` and ``LEVELS``, only one for each ``SUBJECTS_A_COLUMN`` subjects is used.
    """
    found = dict(zip(range(len(train) // SUBJECTS_A_COLUMN), _columns(train, test), strict=False))
    known, of_test = train[[]].copy(), test[[]].copy()
    for number, (own, others) in found.items():
        known[number], of_test[number] = own, others
    return _fitted(train, known, of_test)


FORECASTS: Mapping[str, Forecast] = MappingProxyType(
    {"mean-rate": mean_rate, "regression": regression}
)


def _columns(train: pd.DataFrame, test: pd.DataFrame) -> Iterator[tuple[pd.Series, pd.Series]]:
    """Columns of both parts in standard deviations from the training mean, 0 where unknown."""
    for name in (*NUMBERS, *LEVELS):
        if name in train and name in test:
            as_numbers = _levels if name in LEVELS else _numbers
            for own, others in as_numbers(train[name], test[name]):
                mean, spread = own.mean(), own.std()
                if spread > 0:  # a constant is part of the mean rate
                    yield ((own - mean) / spread).fillna(0), ((others - mean) / spread).fillna(0)


def _numbers(train: pd.Series, test: pd.Series) -> Iterator[tuple[pd.Series, pd.Series]]:
    yield pd.to_numeric(train, errors="coerce"), pd.to_numeric(test, errors="coerce")


def _levels(train: pd.Series, test: pd.Series) -> Iterator[tuple[pd.Series, pd.Series]]:
    """A column of 0 and 1 for each level but the first, NaN where it is unknown."""
    levels = sorted(set(train.dropna()) - {""})
    for level in levels[1:]:
        yield (
            (train == level).astype(float).where(train.isin(levels)),
            (test == level).astype(float).where(test.isin(levels)),
        )


def _fitted(train: pd.DataFrame, known: pd.DataFrame, of_test: pd.DataFrame) -> pd.Series:
    """Weighted least squares of the rate on a constant and columns."""
    if train.empty:
        return pd.Series(np.nan, of_test.index)
    years = train[YEARS].to_numpy(float)
    rate, root = (train[AFTER] - train[BEFORE]).to_numpy(float) / years, np.sqrt(years)
    made, new = (np.column_stack([np.ones(len(its)), its]) for its in (known, of_test))
    weights = np.linalg.lstsq(made * root[:, None], rate * root, rcond=None)[0]
    return pd.Series(new @ weights, of_test.index)
