"""The values of one metric and entry, and those of them in one stratum."""

import math
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from longibench.benchmark.evaluation.score_table import DENOMINATOR, NUMERATOR
from longibench.metrics.statistics import Interval, bootstrap_interval, seed_spread
from longibench.metrics.statistics_groups import group_difference
from longibench.metrics.statistics_paired import distances
from longibench.reports.model.estimates import (
    NOTHING,
    by_seed,
    mean_by_subject,
    ratio_of_subjects,
)
from longibench.reports.model.metric_facts import MetricFacts
from longibench.reports.model.results import VISIT, Entry, Results
from longibench.reports.tables.strata_kinds import Stratum, withheld_labels


@dataclass(frozen=True)
class Scored:
    """The values of one metric and entry with their labels, and the labels that are withheld."""

    metric: MetricFacts
    entry: Entry
    labelled: pd.DataFrame
    withheld: frozenset[tuple[str, str]]

    @classmethod
    def of(
        cls, results: Results, metric: MetricFacts, entry: Entry, pairs: pd.DataFrame
    ) -> "Scored":
        """One value per subject cannot be stratified by interval.

        Args:
            results: The inputs of the report.
            metric: One with values by subject, or a ratio of sums.
            entry: Of whose volumes.
            pairs: As of ``label_pairs``, with the numbers of ``Results.numbered``.
        """
        of_pairs = results.values_of if metric.by_subject else results.parts_of
        values = of_pairs(entry, metric)
        if metric.kind == "subject" or "visit" not in values:
            pairs = pairs.drop(columns=["visit", "years"]).drop_duplicates("subject")
        labelled = values.merge(pairs, on=[key for key in VISIT if key in pairs])
        return cls(metric, entry, labelled, withheld_labels(labelled))


@dataclass(frozen=True)
class Within:
    """The values in one stratum, beside those with another label of its kind."""

    scored: Scored
    stratum: Stratum

    @property
    def metric(self) -> MetricFacts:
        """Of what."""
        return self.scored.metric

    @property
    def entry(self) -> Entry:
        """Of whose volumes."""
        return self.scored.entry

    @property
    def is_withheld(self) -> bool:
        """Whether the values of few could be computed from its mean."""
        return (self.stratum.kind.column, self.stratum.label) in self.scored.withheld

    @cached_property
    def is_published(self) -> bool:
        """Whether it has a mean that may be shown."""
        return not self.is_withheld and len(self.inside) > 0 and _is_defined(self.inside)

    @cached_property
    def inside(self) -> pd.DataFrame:
        """Its rows."""
        return self.scored.labelled[self._labels == self.stratum.label]

    @cached_property
    def means(self) -> pd.Series:
        """A value by subject whose mean is the stratum's, see ``_contributions``."""
        return _contributions(self.inside)

    @property
    def subjects(self) -> int:
        """Subjects that have a value."""
        return int(self.inside["subject"].nunique())

    @property
    def pairs(self) -> int:
        """Pairs that have a value."""
        visits = [
            key for key in VISIT if key in self.inside
        ]  # parts of a subject's ratio have none
        return len(self.inside[visits].drop_duplicates())

    @property
    def interval(self) -> Interval:
        """The mean with its interval over subjects."""
        return ratio_of_subjects(self.inside) if self._is_ratio else bootstrap_interval(self.means)

    @property
    def seed_spread(self) -> float:
        """Standard deviation between training seeds; NaN with only one."""
        if not self._is_ratio:
            return seed_spread(by_seed(self.inside))
        seeds = self.inside.groupby("training_seed")
        return seed_spread([ratio_of_subjects(one).estimate for _, one in seeds])

    def gap(self, level: float) -> Interval:
        """The mean minus that of the others, with its interval; nothing without one."""
        outside = self.scored.labelled[self._labels.notna() & (self._labels != self.stratum.label)]
        if not _is_defined(outside):
            return NOTHING
        parts = (
            distances(values, self.metric.best) for values in (self.means, _contributions(outside))
        )
        gap = group_difference(*parts, confidence=level)
        return NOTHING if math.isnan(gap.low) else gap

    @property
    def _labels(self) -> pd.Series:
        return self.scored.labelled[self.stratum.kind.column]

    @property
    def _is_ratio(self) -> bool:
        return NUMERATOR in self.inside


def _is_defined(values: pd.DataFrame) -> bool:
    """Whether no ratio of them has a sum of denominators that may be 0, as by its interval."""
    if DENOMINATOR not in values or (values[DENOMINATOR] > 0).all():
        return True
    below = bootstrap_interval(values.groupby("subject")[DENOMINATOR].sum())
    return below.low > 0 or below.high < 0


def _contributions(values: pd.DataFrame) -> pd.Series:
    """One value a subject, whose mean is the mean, or to first order the ratio of sums."""
    if NUMERATOR not in values:
        return mean_by_subject(values)
    sums = values.groupby("subject")[[NUMERATOR, DENOMINATOR]].sum()
    ratio = sums[NUMERATOR].sum() / sums[DENOMINATOR].sum()
    return ratio + (sums[NUMERATOR] - ratio * sums[DENOMINATOR]) / sums[DENOMINATOR].mean()
