"""Estimates with their intervals, and paired comparisons, from the score table."""

import math
from dataclasses import dataclass

import pandas as pd

from metrics.statistics import (
    Comparison,
    Interval,
    bootstrap_interval,
    jackknife_interval,
    paired_bootstrap,
    paired_jackknife,
)
from reports.results import Entry, MetricFacts, Results

_VOLUME = ["subject", "visit", "sample"]
_NOTHING = Interval(math.nan, math.nan, math.nan, math.nan, 0)


@dataclass(frozen=True)
class Estimate:
    """A value with its 95% interval over subjects.

    Attributes:
        interval: The mean over training seeds and samples, of a pair metric the mean of subject
            means, and its bounds; NaN where it cannot be computed.
        title: The metric's full name, as the scores carry it.
        volumes: Generated volumes behind the value of one training seed.
        by_seed: The value of each training seed, in the order of the seeds.
        note: Why a value is missing.
    """

    interval: Interval
    title: str = ""
    volumes: int = 0
    by_seed: tuple[float, ...] = ()
    note: str = ""

    @property
    def value(self) -> float:
        """The estimate; NaN where missing."""
        return self.interval.estimate


def estimate(results: Results, entry: Entry, metric: MetricFacts) -> Estimate:
    """Estimate one metric of one entry, pooled over its training seeds."""
    rows = _rows(results, entry, metric)
    values = rows[rows["role"] == "value"]
    title = str(values["title"].iloc[0]) if len(values) else ""
    scored = values.dropna(subset=["value"])
    if scored.empty:
        return Estimate(_NOTHING, title, note=_note(values) or "not scored")
    seeds = scored.groupby("training_seed")
    return Estimate(
        interval=_pair_interval(scored) if metric.kind == "pair" else _set_interval(rows),
        title=title,
        volumes=int(seeds["n"].sum().max() if metric.kind == "pair" else scored["n"].max()),
        by_seed=tuple(_mean_of_subjects(its) for _, its in seeds),
        note=_partly(values),
    )


def compare(results: Results, pair: tuple[Entry, Entry], metric: MetricFacts) -> Comparison | str:
    """Compare a metric of two entries, paired over subjects.

    A pair metric is paired by volume, a set metric by the subject left out; both are first
    averaged over training seeds.

    Returns:
        The first entry against the second, or the reason why they cannot be compared.
    """
    first, second = (_rows(results, entry, metric) for entry in pair)
    titles = sorted({*first["title"], *second["title"]})
    if len(titles) != 1:
        return f"scored differently: {', '.join(titles)}" if titles else "not scored"
    comparison = (_paired_pair if metric.kind == "pair" else _paired_set)(first, second)
    if comparison is None or math.isnan(comparison.difference.estimate):
        return "no volumes in common"
    return comparison


def _rows(results: Results, entry: Entry, metric: MetricFacts) -> pd.DataFrame:
    scores = results.scores
    return scores[
        (scores["method"] == entry.method)
        & (scores["settings"] == entry.settings)
        & (scores["metric"] == metric.name)
    ]


def _pair_interval(values: pd.DataFrame) -> Interval:
    return bootstrap_interval(values["value"].to_numpy(), values["subject"].tolist())


def _set_interval(rows: pd.DataFrame) -> Interval:
    return jackknife_interval(_set_value(rows), list(_left_out(rows).values()))


def _paired_pair(first: pd.DataFrame, second: pd.DataFrame) -> Comparison | None:
    means = [rows.groupby(_VOLUME, as_index=False)["value"].mean() for rows in (first, second)]
    both = means[0].merge(means[1], on=_VOLUME, suffixes=("", "_other")).dropna()
    if both.empty:
        return None
    return paired_bootstrap(
        both["value"].to_numpy(), both["value_other"].to_numpy(), both["subject"].tolist()
    )


def _paired_set(first: pd.DataFrame, second: pd.DataFrame) -> Comparison | None:
    left_out = _left_out(first), _left_out(second)
    if left_out[0].keys() != left_out[1].keys():
        return None
    return paired_jackknife((_set_value(first), _set_value(second)), *left_out)


def _set_value(rows: pd.DataFrame) -> float:
    return float(rows.loc[rows["role"] == "value", "value"].mean())


def _left_out(rows: pd.DataFrame) -> dict[str, float]:
    """The metric without each subject, averaged over training seeds."""
    left_out = rows[rows["role"] == "leave-out"].dropna(subset=["value"])
    means = left_out.groupby("subject")["value"].mean()
    return {str(subject): float(value) for subject, value in means.items()}


def _mean_of_subjects(values: pd.DataFrame) -> float:
    return float(values.groupby("subject")["value"].mean().mean())


def _partly(values: pd.DataFrame) -> str:
    """Say how much is missing where some volumes could not be scored."""
    missing = int(values["value"].isna().sum())
    if not missing:
        return ""
    return f"{missing} of {len(values)} values are missing: {_note(values)}"


def _note(values: pd.DataFrame) -> str:
    return "; ".join(dict.fromkeys(note for note in values["note"] if note))
