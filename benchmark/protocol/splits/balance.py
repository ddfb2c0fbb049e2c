"""Whether the parts of a split are balanced: the covariates of their subjects, compared."""

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from scipy import stats

from longibench.benchmark.protocol.splits.differences import (
    independence,
    multinomial_distance,
    standardised,
)
from longibench.benchmark.protocol.splits.split import Split
from longibench.benchmark.protocol.splits.subjects import MISSING, levels
from longibench.metrics.statistics_paired import holm

NAMES = ("site", "field_tesla")  # covariates whose numbers are names of levels
SIGNIFICANT = 0.05
NEGLIGIBLE = 0.1  # standardised difference (Austin 2009)


@dataclass(frozen=True)
class Summary:
    """One covariate in one part.

    Attributes:
        count: Subjects with a value.
        missing: Subjects without a value; for levels they are a separate level.
        mean: Mean of a number; NaN for levels.
        sd: Its standard deviation.
        shares: Share of each level, in [0, 1]; empty for a number.
    """

    count: int
    missing: int
    mean: float = float("nan")
    sd: float = float("nan")
    shares: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Comparison:
    """One covariate of one part compared with training.

    Attributes:
        covariate: Name of the column.
        part: ``"validation"`` or ``"evaluation"``.
        training: The covariate among training subjects.
        other: The covariate in the part.
        test: Name of the test.
        p: Its two-sided p value.
        corrected_p: The p value after Holm's correction over all comparisons of the split.
        difference: Standardised mean difference: signed for numbers (positive: larger than in
            training), not negative for levels.
    """

    covariate: str
    part: str
    training: Summary
    other: Summary
    test: str
    p: float
    corrected_p: float
    difference: float


def balance(subjects: pd.DataFrame, split: Split) -> list[Comparison]:
    """Compare evaluation, and validation if there is one, with training.

    Numbers are compared by the Mann-Whitney test, which assumes nothing about their distribution,
    levels by the chi-square test (``independence``).

    Args:
        subjects: One row per subject, indexed by id: covariates and other columns to compare, such
            as the number of visits. Columns with one value, or with nearly as many levels as there
            are subjects (dates, labels), are not compared.
        split: The parts.

    Returns:
        One comparison per covariate and part, with p values corrected by Holm (1979).
    """
    columns = [subjects[name] for name in subjects if _comparable(subjects[name])]
    parts = [part for part in ("validation", "evaluation") if split.parts[part]]
    found = [_compare(part, values, split) for part in parts for values in columns]
    corrected = holm([comparison.p for comparison in found])
    return [replace(c, corrected_p=p) for c, p in zip(found, corrected, strict=True)]


def imbalances(comparisons: list[Comparison]) -> list[str]:
    """Describe in which covariates a part differs from training.

    A difference is reported if it is unlikely for a random split (p < 0.05 after Holm's correction,
    so that at most one random split in twenty gets any warning, for any number of covariates)
    and large enough to matter (standardised difference of at least 0.1, below which Austin (2009)
    calls it negligible; in large cohorts smaller ones become significant). The difference alone
    is not sufficient: with 24 subjects in a part, chance alone often exceeds any usual threshold.
    A small part therefore shows only large differences: no warning is no proof of balance.

    Args:
        comparisons: What ``balance`` found.

    Returns:
        One sentence per difference, the most significant first; empty if there is none.
    """
    found = [
        comparison
        for comparison in comparisons
        if comparison.corrected_p < SIGNIFICANT  # a part of one subject has no difference: NaN
        and not abs(comparison.difference) < NEGLIGIBLE
    ]
    return [_sentence(comparison) for comparison in sorted(found, key=lambda c: c.corrected_p)]


def _is_number(values: pd.Series) -> bool:
    numeric = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    return numeric and values.name not in NAMES and values.nunique() > 2


def _comparable(values: pd.Series) -> bool:
    return _is_number(values) or 1 < levels(values).nunique() <= len(values) / 2


def _compare(part: str, values: pd.Series, split: Split) -> Comparison:
    training, other = values.loc[list(split.train)], values.loc[list(split.parts[part])]
    compare = _compare_numbers if _is_number(values) else _compare_levels
    return compare(part, training, other)


def _compare_numbers(part: str, training: pd.Series, other: pd.Series) -> Comparison:
    before, after = training.dropna(), other.dropna()
    known = len(before) > 0 and len(after) > 0
    p = float(stats.mannwhitneyu(before, after).pvalue) if known else 1.0
    a, b = _number_summary(training), _number_summary(other)
    difference = standardised(b.mean - a.mean, a.sd, b.sd)
    return Comparison(str(training.name), part, a, b, "Mann-Whitney", p, p, difference)


def _compare_levels(part: str, training: pd.Series, other: pd.Series) -> Comparison:
    before, after = levels(training), levels(other)
    names = sorted({*before, *after})
    counts = np.array(
        [part.value_counts().reindex(names, fill_value=0) for part in (before, after)]
    )
    test, p = independence(counts)
    shares = counts / counts.sum(axis=1, keepdims=True)
    a, b = (
        Summary(
            int((part != MISSING).sum()),
            int((part == MISSING).sum()),
            shares=dict(zip(names, map(float, row), strict=True)),
        )
        for part, row in zip((before, after), shares, strict=True)
    )
    return Comparison(str(training.name), part, a, b, test, p, p, multinomial_distance(*shares))


def _number_summary(values: pd.Series) -> Summary:
    missing = int(values.isna().sum())
    return Summary(len(values) - missing, missing, float(values.mean()), float(values.std()))


def _sentence(comparison: Comparison) -> str:
    name, a, b = comparison.covariate.replace("_", " "), comparison.training, comparison.other
    if a.shares:
        level = max(a.shares, key=lambda name: abs(b.shares[name] - a.shares[name]))
        values = f"{level} {b.shares[level]:.0%} against {a.shares[level]:.0%}"
    else:
        values = f"mean {b.mean:.3g} (sd {b.sd:.2g}) against {a.mean:.3g} (sd {a.sd:.2g})"
    return (
        f"{name} differs between {comparison.part} and training: {values}; standardised difference "
        f"{comparison.difference:.2f}, p = {comparison.corrected_p:.2g} after Holm's correction"
    )
