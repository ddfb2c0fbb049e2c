"""Pair metrics by interval: the mean in each year, with how many pairs stand behind it."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from reports.caption import count
from reports.results import Entry, MetricFacts, Results
from reports.table import number


@dataclass(frozen=True)
class Strata:
    """One pair metric by interval.

    Attributes:
        title: Full name of the metric, with its direction.
        years: Heading of each column, the interval rounded to whole years.
        counts: What stands behind each column, such as ``"24 pairs, 24 subjects"``.
        rows: Label of a method and its mean in each column.
    """

    title: str
    years: tuple[str, ...]
    counts: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]


def build_strata(results: Results) -> list[Strata]:
    """Tabulate every pair metric by the interval in whole years."""
    values = results.scores[results.scores["role"] == "value"].dropna(subset=["interval_years"])
    values = values.assign(year=np.floor(values["interval_years"] + 0.5).astype(int))
    pairs = [metric for metric in results.metrics if metric.kind == "pair"]
    tables = [(metric, values[values["metric"] == metric.name]) for metric in pairs]
    return [_strata(results.entries, metric, rows) for metric, rows in tables if len(rows)]


def _strata(entries: list[Entry], metric: MetricFacts, rows: pd.DataFrame) -> Strata:
    years = sorted(rows["year"].unique())
    return Strata(
        title=f"{metric.title} {metric.arrow}",
        years=tuple(_heading(year) for year in years),
        counts=tuple(_count(rows[rows["year"] == year]) for year in years),
        rows=tuple((entry.label, _means(entry, metric, rows, years)) for entry in entries),
    )


def _heading(year: int) -> str:
    if year == 0:
        return "under half a year"
    return "1 year" if year == 1 else f"{year} years"


def _count(rows: pd.DataFrame) -> str:
    pairs = len(rows[["subject", "visit"]].drop_duplicates())
    return f"{count(pairs, 'pair')}, {count(rows['subject'].nunique(), 'subject')}"


def _means(
    entry: Entry, metric: MetricFacts, rows: pd.DataFrame, years: list[int]
) -> tuple[str, ...]:
    its = rows[(rows["method"] == entry.method) & (rows["settings"] == entry.settings)]
    means = its.groupby(["year", "subject"])["value"].mean().groupby("year").mean()
    return tuple(number(float(means.get(year, np.nan)), metric.decimals) for year in years)
