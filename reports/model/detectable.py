"""The smallest detectable change of the structures that a table shows, and which pairs are shorter.

See ``metrics.detectable``.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from longibench.metrics.detectable import HEALTHY, coarsest_measured, smallest_change
from longibench.metrics.total_change import PERCENT
from longibench.reports.model.caption import count
from longibench.reports.model.metric_facts import MetricFacts
from longibench.reports.model.results import Results

HEAD = (
    "Smallest detectable change on voxels of {:g} mm, 1.96 SD of repeated simulated scans; errors "
    "of brain extraction and registration, and those of another scanner, add to it."
)
TOO_COARSE = (
    "The smallest detectable change by the embedded segmentation was measured on voxels of up to "
    "{1:g} mm, and is not known for {0:g} mm."
)
NOT_MEASURED = "The smallest detectable change by this segmentation was not measured."


@dataclass(frozen=True)
class _Measured:
    """A structure, the SHA256 of the segmentation's weights, and both in words."""

    structure: str
    weights: str
    title: str = field(compare=False)


def detectable(results: Results, metrics: Sequence[MetricFacts]) -> list[str]:
    """Sentences for a table's caption or the terminal; none without a structure's change.

    Args:
        results: Their grid and their pairs' intervals count.
        metrics: Those that are shown.
    """
    size = float(results.protocol["grid"]["spacing_mm"])
    shown = list(dict.fromkeys(its for metric in metrics if (its := _measured(metric))))
    smallest = {its: smallest_change(its.structure, size, its.weights) for its in shown}
    known = {its: value for its, value in smallest.items() if not math.isnan(value)}
    if not known:
        return [_unknown(size, shown)] if shown else []
    years = results.pairs["interval_years"].tolist()
    return [HEAD.format(size), *(_sentence(its, value, years) for its, value in known.items())]


def _unknown(size: float, shown: Sequence[_Measured]) -> str:
    coarsest = max(coarsest_measured(its.weights) for its in shown)
    return TOO_COARSE.format(size, coarsest) if coarsest else NOT_MEASURED


def _measured(metric: MetricFacts) -> _Measured | None:
    """What the embedded segmentation measures for a change in percent; None for other metrics."""
    measured_by = metric.defined_by.get("segmentation")
    parameters = metric.defined_by.get("parameters", {})
    if not measured_by or parameters.get("change") != PERCENT:
        return None
    name, by = metric.title.partition(",")[0], metric.title.partition(" [")[2].removesuffix("]")
    return _Measured(parameters["structure"], measured_by["weights"], f"{name} ({by})")


def _sentence(its: _Measured, smallest: float, years: Sequence[float]) -> str:
    shortest = min(years)
    text = (
        f"{its.title}: {smallest:.2g}%, or {smallest / shortest:.2g}% a year over the shortest "
        f"interval, {shortest:.2g} years"
    )
    rate = HEALTHY.get(its.structure)
    if rate is None:
        return f"{text}."
    shorter = sum(each < smallest / rate for each in years)
    return (
        f"{text}; the {rate:g}% a year of healthy old age takes {smallest / rate:.1f} years: "
        f"{shorter} of {count(len(years), 'pair')} {'is' if shorter == 1 else 'are'} shorter."
    )
