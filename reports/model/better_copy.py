"""Skill against the better of the copies, as a ratio of means: smoothing alone earns none."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pandas as pd

from longibench.metrics.statistics import bootstrap_interval
from longibench.reports.model.estimates import Estimate, estimate, mean_by_subject
from longibench.reports.model.metric_facts import MetricFacts
from longibench.reports.model.results import Entry, Results

DIGITS = 12  # equal contributions are equal, whatever the rounding of their sums
ERRORS = {"skill": "mae", "skill-head": "mae-head"}  # the errors that each skill compares


@dataclass(frozen=True)
class BetterCopySkill:
    """A column of a table that is computed from another one.

    Attributes:
        metric: How it is printed and ranked.
        error: The error that it compares.
        copy: The reference with the smallest mean error.
    """

    metric: MetricFacts
    error: MetricFacts
    copy: Entry

    def estimate(self, results: Results, entry: Entry) -> Estimate:
        """1 - mean error / mean error of the better copy, over the volumes that both have.

        The interval is that of the ratio, linearised: a bootstrap over subjects of each one's
        contribution, whose mean is the ratio itself.
        """
        found = estimate(results, entry, self.error)
        if not found.volumes:
            return found
        own, copy = (results.values_of(its, self.error) for its in (entry, self.copy))
        contributions = _contributions(own, copy)
        seeds = (_contributions(one, copy).mean() for _, one in own.groupby("training_seed"))
        return replace(
            found,
            interval=bootstrap_interval(contributions),
            title=self.metric.title,
            by_seed=tuple(seeds),
        )


def with_better_copy(
    results: Results, metrics: list[MetricFacts]
) -> Iterator[MetricFacts | BetterCopySkill]:
    """The metrics, and behind each skill that against the better copy if there are several."""
    for metric in metrics:
        yield metric
        error = next((its for its in results.metrics if its.name == ERRORS.get(metric.name)), None)
        if error is None:
            continue
        means = {
            entry: found.value
            for entry in results.entries
            if entry.role == "reference" and (found := estimate(results, entry, error)).volumes
        }
        if len(means) > 1:
            yield _against(metric, error, min(means, key=lambda entry: means[entry]))


def _against(skill: MetricFacts, error: MetricFacts, copy: Entry) -> BetterCopySkill:
    name, _, where = error.title.partition(" [")
    mask = where.removesuffix("]")
    title = (
        f"Skill against the better copy [1 - mean {name} / mean {name} of '{copy.label}', {mask}]"
    )
    return BetterCopySkill(replace(skill, name=f"{skill.name}-better", title=title), error, copy)


def _contributions(own: pd.DataFrame, copy: pd.DataFrame) -> pd.Series:
    """Each subject's part of 1 - mean error / mean error of the copy, to first order."""
    error = mean_by_subject(own[own["volume"].isin(copy["volume"])])
    of_copy = mean_by_subject(copy[copy["volume"].isin(own["volume"])])
    ratio = error.mean() / of_copy.mean()
    parts = 1 - ratio - (error - ratio * of_copy) / of_copy.mean()
    return parts.round(DIGITS)
