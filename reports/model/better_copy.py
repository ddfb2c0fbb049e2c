"""Skill against the better of the copies, as a ratio of means: smoothing alone earns none."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pandas as pd

from longibench.metrics.ratio import ratio_interval
from longibench.metrics.statistics import Interval
from longibench.reports.model.estimates import Estimate, estimate
from longibench.reports.model.metric_facts import MetricFacts
from longibench.reports.model.results import Entry, Results

DIGITS = 12  # equal errors are equal, whatever the rounding of their sums
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
        """1 - sum of errors / sum of the better copy's, over the volumes that both have.

        A ratio of sums over pairs, as the skill: where the better copy is ``copy-source`` both are
        equal, and so are their intervals.
        """
        found = estimate(results, entry, self.error)
        if not found.volumes:
            return found
        own, copy = (results.values_of(its, self.error) for its in (entry, self.copy))
        seeds = (_ratio(one, copy).estimate for _, one in own.groupby("training_seed"))
        return replace(
            found,
            interval=_ratio(own, copy),
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


def _ratio(own: pd.DataFrame, copy: pd.DataFrame) -> Interval:
    """1 - sum of errors / sum of the copy's; a volume's error is the mean over training seeds."""
    of_copy = copy.groupby("volume").agg({"subject": "first", "value": "mean"})
    both = of_copy.join(own.groupby("volume")["value"].mean().rename("own"), how="inner")
    sums = both.assign(less=both["value"] - both["own"]).groupby("subject")[["less", "value"]].sum()
    return ratio_interval(sums["less"].round(DIGITS), sums["value"])
