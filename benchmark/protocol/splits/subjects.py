"""One row per subject: covariates and visits, taken from the visit table."""

import pandas as pd

from longibench.benchmark.cohorts.phantom.visit_truth import TRUTH_COLUMNS
from longibench.benchmark.cohorts.visit_table import COLUMNS

MISSING = "n/a"  # the level of unknown values
OF_A_SCAN = ("content", "volume", "quality_")  # prefixes of columns that describe scans


def subject_table(table: pd.DataFrame) -> pd.DataFrame:
    """The subjects of a visit table.

    Args:
        table: A visit table, prepared or not.

    Returns:
        One row per subject, indexed by canonical id and sorted by it: the covariates at the first
        visit, ``visits`` (how many) and ``follow_up_years`` (from the first to the last).
    """
    ordered = table.sort_values(["subject", "years"])
    hidden = [
        name
        for name in table
        if name in COLUMNS or name in TRUTH_COLUMNS or str(name).startswith(OF_A_SCAN)
    ]
    groups = ordered.groupby("subject")
    subjects = ordered.drop_duplicates("subject").set_index("subject")
    subjects = subjects.drop(columns=[name for name in hidden if name != "subject"])
    years = groups["years"]
    return subjects.assign(visits=groups.size(), follow_up_years=years.max() - years.min())


def levels(values: pd.Series) -> pd.Series:
    """Values as the names of levels: 3.0 and 3 are ``"3"``, missing values are ``"n/a"``."""
    known: dict[tuple[type, object], str] = {}  # a column has few values
    found = []
    for value in values.tolist():
        key = type(value), value
        if key not in known:
            known[key] = _level(value)
        found.append(known[key])
    return pd.Series(found, values.index, object, values.name)


def _level(value: object) -> str:
    if pd.isna(value) or not str(value).strip():  # type: ignore[call-overload]
        return MISSING
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()
