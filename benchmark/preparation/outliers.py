"""Which prepared scans to inspect first: those with measures far from the cohort's median."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

MAD_TO_SIGMA = 1.4826  # of a normal distribution
ODD = 4.0  # robust standard deviations; 1 scan in 15,000 exceeds it in a normal distribution


@dataclass(frozen=True)
class Measure:
    """A number of every scan that shows a failed preparation.

    Attributes:
        name: Name in messages.
        unit: Unit of the value.
        floor: Smallest standard deviation assumed: smaller differences are never odd.
        value: From a subject's rows, the source first, to one value a row; NaN if unknown.
        only_low: Whether only low values are odd.
        limit: Below (``only_low``) or beyond it a scan is odd regardless of the cohort's median: a
            whole cohort can be prepared wrongly.
    """

    name: str
    unit: str
    floor: float
    value: Callable[[pd.DataFrame], pd.Series]
    only_low: bool = False
    limit: float = float("nan")


@dataclass(frozen=True)
class Suspicion:
    """How far a scan is from the others.

    Attributes:
        score: Robust standard deviations from the cohort's median, of the most distant measure.
        reason: That measure, its value and the median; empty if nothing was measured.
    """

    score: float
    reason: str

    @property
    def odd(self) -> bool:
        """Whether it should be inspected."""
        return self.score >= ODD


def _column(name: str, source: bool) -> Callable[[pd.DataFrame], pd.Series]:
    """A column of the sources or of the follow-ups, which have different references."""

    def value(rows: pd.DataFrame) -> pd.Series:
        is_source = np.arange(len(rows)) == 0
        return rows[name].where(is_source if source else ~is_source)

    return value


def _brain_jump(rows: pd.DataFrame) -> pd.Series:
    percent = 100 * (rows["quality_brain_ml"] / rows["quality_brain_ml"].iloc[0] - 1)
    return _column("jump", source=False)(rows.assign(jump=percent))


MEASURES = (
    Measure("overlap with the template", "", 0.01, _column("quality_overlap", True), True, 0.85),
    Measure("overlap with the source", "", 0.01, _column("quality_overlap", False), True, 0.9),
    Measure("similarity to the template", "", 0.03, _column("quality_similarity", True), True, 0.3),
    Measure("similarity to the source", "", 0.03, _column("quality_similarity", False), True, 0.5),
    Measure("brain against the source's", "%", 2.0, _brain_jump, limit=15.0),
    Measure("brain volume", " ml", 60.0, _column("quality_brain_ml", True)),
    Measure("head size factor", "", 0.05, _column("quality_scale", True)),
)


def suspicions(table: pd.DataFrame) -> list[Suspicion]:
    """Rate every scan of a prepared cohort.

    Args:
        table: ``Prepared.table``, sorted by subject and time: the first row of each is its source.

    Returns:
        One rating a row, in the order of the table.
    """
    by_subject = table.reset_index(drop=True).groupby("subject", sort=False)
    ratings = []
    for measure in MEASURES:
        values = pd.concat([measure.value(rows) for _, rows in by_subject]).sort_index()
        ratings.append(_rate(measure, values.to_numpy(dtype=float)))
    return [max(of_scan, key=lambda rating: rating.score) for of_scan in zip(*ratings, strict=True)]


def _rate(measure: Measure, values: np.ndarray) -> list[Suspicion]:
    known = values[np.isfinite(values)]
    if not known.size:
        return [Suspicion(0.0, "")] * len(values)
    usual = float(np.median(known))
    spread = max(MAD_TO_SIGMA * float(np.median(np.abs(known - usual))), measure.floor)
    return [_rating(measure, float(value), usual, spread) for value in values]


def _rating(measure: Measure, value: float, usual: float, spread: float) -> Suspicion:
    if not np.isfinite(value):
        return Suspicion(0.0, "")
    away = (usual - value) / spread
    score = max(away, 0.0) if measure.only_low else abs(away)
    beyond = value < measure.limit if measure.only_low else abs(value) > measure.limit
    text = f"{measure.name} {value:.4g}{measure.unit} (usually {usual:.4g}{measure.unit})"
    return Suspicion(max(score, ODD) if beyond else score, text)
