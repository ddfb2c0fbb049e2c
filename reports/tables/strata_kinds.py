"""Ways to stratify the evaluated pairs: by interval, and by what is known at the source."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from longibench.reports.model.results import VISIT

FEWEST = 5  # subjects; the mean of fewer could reveal a participant's own value
# Visits are planned every six months or every year and are rarely on the exact day, so that bounds
# are a quarter of a year before the year: with bounds at 0.5 or 1 year planned visits would be on
# both sides.
BOUNDS = (0.0, 0.75, 1.75, 2.75, 3.75, 4.75, math.inf)
YEARS = ("under 1 year", "1 year", "2 years", "3 years", "4 years", "5 years and more")
AGE_BOUNDS = (0.0, 60.0, 70.0, 80.0, math.inf)
AGES = ("under 60", "60 to 69", "70 to 79", "80 and over")
DIAGNOSES = ("CN", "SMC", "EMCI", "MCI", "LMCI", "AD")  # in the order of the disease
KNOWN = (*AGES, *DIAGNOSES, "F", "M")
OTHER = "other"


OF_YEARS = (
    "A year begins a quarter of a year early, so that visits planned every six months are well "
    "inside."
)


@dataclass(frozen=True)
class Kind:
    """A way to stratify pairs: column of labelled pairs, words, and additional caption."""

    column: str
    words: str
    adds: str = ""


KINDS = (
    Kind("years", "by interval", OF_YEARS),
    Kind("age", "by age at the source"),
    Kind("group", "by diagnosis at the source"),
    Kind("sex", "by sex"),
    Kind("site", "by site of the source"),
    Kind("field_tesla", "by field strength at the source"),
)


@dataclass(frozen=True)
class Stratum:
    """A subset of the evaluated pairs: its label, and numbers of pairs and subjects."""

    kind: Kind
    label: str
    pairs: int
    subjects: int


def label_pairs(pairs: pd.DataFrame) -> pd.DataFrame:
    """Subject and visit of each pair with its label of each kind.

    Args:
        pairs: As read from ``pairs.csv``; files of earlier versions have fewer columns.

    Returns:
        One column a kind; none for kinds by which the pairs have no two labels.
    """
    table = pairs[VISIT].assign(years=_cut(pairs["interval_years"], BOUNDS, YEARS))
    for kind in KINDS:
        if kind.column not in pairs:
            continue
        labels = _without_rare(_labels(kind, pairs[kind.column]), pairs["subject"])
        if labels.nunique() > 1:
            table[kind.column] = labels
    return table


def strata_of(labelled: pd.DataFrame) -> list[Stratum]:
    """All strata of labelled pairs, kind by kind."""
    return [
        stratum for kind in KINDS if kind.column in labelled for stratum in _strata(kind, labelled)
    ]


def withheld_labels(labelled: pd.DataFrame) -> frozenset[tuple[str, str]]:
    """Kind and label of the strata whose means are not published.

    These are the strata of fewer than ``FEWEST`` subjects, and the smallest of the others until all
    that is not published, with the pairs without a label, has at least so many subjects: from the
    mean of all and the published means follows the mean of the rest (complementary suppression,
    Hundepool et al. 2012, Statistical Disclosure Control, doi:10.1002/9781118348239).

    Args:
        labelled: Subject and labels of the pairs that have a value, as of ``label_pairs``.
    """
    kinds = [kind.column for kind in KINDS if kind.column in labelled]
    subjects = labelled["subject"]
    return frozenset((kind, its) for kind in kinds for its in _withheld(subjects, labelled[kind]))


def _withheld(subjects: pd.Series, labels: pd.Series) -> set[str]:
    counts = subjects.groupby(labels).nunique().sort_values(kind="stable")
    shown = list(counts.index[counts >= FEWEST])  # the smallest first
    while shown and 0 < subjects[~labels.isin(shown)].nunique() < FEWEST:
        del shown[0]
    return set(counts.index) - set(shown)


def _labels(kind: Kind, values: pd.Series) -> pd.Series:
    """A column of the pairs in words; missing values are NaN."""
    if kind.column == "age":
        return _cut(pd.to_numeric(values, errors="coerce"), AGE_BOUNDS, AGES)
    if kind.column == "field_tesla":
        tesla = pd.to_numeric(values, errors="coerce").astype(object)
        return tesla.map("{:g} T".format, na_action="ignore")
    return values.replace("", np.nan)


def _cut(values: pd.Series, bounds: tuple[float, ...], labels: tuple[str, ...]) -> pd.Series:
    """The label of the interval of each value; an interval contains its lower bound."""
    return pd.cut(values, bounds, right=False, labels=list(labels)).astype(object)


def _without_rare(labels: pd.Series, subjects: pd.Series) -> pd.Series:
    """Levels of few subjects as "other": a column of ids, or a rare disease, names a person."""
    counts = subjects.groupby(labels).transform("nunique")
    rare = (counts < FEWEST) & ~labels.isin(KNOWN)
    return labels.mask(rare, OTHER)


def _strata(kind: Kind, pairs: pd.DataFrame) -> Iterator[Stratum]:
    labels = pairs[kind.column].dropna()
    for label in sorted(labels.unique(), key=_order):
        selected = pairs[pairs[kind.column] == label]
        yield Stratum(kind, label, len(selected), selected["subject"].nunique())


def _order(label: str) -> tuple[int, str]:
    known = (*YEARS, *AGES, *DIAGNOSES)
    return (known.index(label) if label in known else len(known), label)
