"""Forecast volumes of tissue, without an image: what is achieved without any generator.

``python cli.py run`` scores them beside the methods, on the metrics of change of volumes alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import pandas as pd

from longibench.benchmark.core.console import Console
from longibench.benchmark.evaluation.forecast_fit import AFTER, BEFORE, FORECASTS, KNOWN, YEARS
from longibench.benchmark.evaluation.in_threads import in_threads
from longibench.benchmark.evaluation.subject_scorer import Scorer, real_scan
from longibench.benchmark.preparation.space import Space
from longibench.metrics.metric import Metric, MetricError, Scan
from longibench.metrics.tissue import ForecastScan, TissueMetric

Row = dict[str, Any]
VOLUMES = "volumes_ml"  # column of a row: forecast volumes by structure
BOTH = {"source": BEFORE, "target": AFTER}  # columns of the volumes of a pair
SOURCE = {"source": BEFORE}


class ForecastScorer(Scorer):
    """Scores forecast volumes as if they had been measured on a generated image."""

    def _generated(self, row: Row, space: Space, source: Scan, reference: Scan) -> Scan:
        return ForecastScan(source, row[VOLUMES])


@dataclass(frozen=True)
class Forecaster:
    """Forecasts the volumes of the structures of metrics.

    Attributes:
        metrics: Those that are measured on volumes; they measure the training part.
        train: Training pairs, with those of the columns ``KNOWN`` that there are.
        pairs: Evaluated pairs, with the same columns.
        console: For progress.
        workers: Volumes measured in parallel; 0 means one a core.
    """

    metrics: Sequence[Metric]
    train: pd.DataFrame
    pairs: pd.DataFrame
    console: Console
    workers: int = 0

    def rows(self, name: str) -> pd.DataFrame:
        """The pairs with the volumes that a forecast has for each.

        Args:
            name: One of ``FORECASTS``.

        Returns:
            Sorted by subject and visit, with the columns ``sample`` and ``VOLUMES``: a mapping from
            structure to ml, NaN where the source's volume cannot be measured.
        """
        table = self.pairs.sort_values(["subject", "visit"], ignore_index=True)
        found = {its: self._volumes(name, its, table) for its in self._structures}
        table[VOLUMES] = pd.Series(pd.DataFrame(found).to_dict("records"), dtype=object)
        return table.assign(sample=0)

    def _volumes(self, name: str, structure: str, pairs: pd.DataFrame) -> pd.Series:
        """Volumes of a structure, pair by pair: the source's plus years times the rate."""
        known = _of(structure, self._train).dropna(subset=[BEFORE, AFTER])
        own = _of(structure, self._sources).set_index("subject")
        rates = FORECASTS[name](known, own)
        found = pairs["subject"].map(own[BEFORE]) + pairs[YEARS] * pairs["subject"].map(rates)
        return found.clip(lower=0)

    @cached_property
    def _structures(self) -> dict[str, TissueMetric]:
        """One metric for each structure, which measures it."""
        return {its.structure.name: its for its in self.metrics if isinstance(its, TissueMetric)}

    @cached_property
    def _train(self) -> pd.DataFrame:
        """Each training subject's last pair, with volumes."""
        table = self.train.reset_index(drop=True)
        return self._measured(table.loc[table.groupby("subject")[YEARS].idxmax()], BOTH)

    @cached_property
    def _sources(self) -> pd.DataFrame:
        """A pair of each evaluated subject, with the source's volumes."""
        return self._measured(self.pairs.drop_duplicates("subject"), SOURCE)

    def _measured(self, pairs: pd.DataFrame, columns: Mapping[str, str]) -> pd.DataFrame:
        """The pairs with volumes in ml; they are kept by content, as all that is measured."""
        rows = [[{str(key): its for key, its in row.items()}] for row in pairs.to_dict("records")]
        work = partial(_measure, columns=columns, structures=self._structures)
        with self.console.bar("measure volumes", len(rows)) as bar:
            found = in_threads(rows, work, self.workers, bar)
        return pairs.reset_index(drop=True).join(pd.DataFrame(found))


def _measure(
    rows: Sequence[Row], columns: Mapping[str, str], structures: Mapping[str, TissueMetric]
) -> dict[str, float]:
    """Volumes of one pair; NaN where one cannot be measured."""
    found = {}
    for role, column in columns.items():
        scan = real_scan({key: rows[0].get(key) for key in (role, f"{role}_labels")}, role)
        for name, metric in structures.items():
            try:
                found[f"{name}.{column}"] = metric.volume(scan)
            except MetricError:
                found[f"{name}.{column}"] = np.nan
    return found


def _of(structure: str, table: pd.DataFrame) -> pd.DataFrame:
    """What a forecast of a structure may use."""
    volumes = [its for its in (BEFORE, AFTER) if f"{structure}.{its}" in table]
    columns = ["subject", YEARS, *(its for its in KNOWN if its in table)]
    return table[columns].assign(**{its: table[f"{structure}.{its}"] for its in volumes})
