"""What the curve of quality against cost is made of: its points, with cost and estimates."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.workspace import POINTS
from longibench.benchmark.runs.sampler_sweep import Point
from longibench.reports.model.estimates import Estimate, estimate
from longibench.reports.model.metric_facts import MetricFacts
from longibench.reports.model.results import Entry, Results


@dataclass(frozen=True)
class Drawn:
    """A point with its cost and its estimates, by metric."""

    point: Point
    seconds: float
    evaluations: int
    estimates: dict[MetricFacts, Estimate]


def read_points(results: Results) -> list[Drawn]:
    """The points that were drawn last, in their order.

    Raises:
        UserError: There are none.
    """
    path = results.folder / POINTS
    if not path.is_file():
        raise UserError(f"{path}: no points; 'python cli.py curve' generates them")
    points = [Point(**values) for values in json.loads(path.read_text(encoding="utf-8"))]
    return [_read(results, point) for point in points]


def _read(results: Results, point: Point) -> Drawn:
    entry = Entry(point.method, point.settings, point.method)
    runs = results.runs_of(entry)
    if not runs:
        raise UserError(
            f"{results.folder}: {point.method} in {point.steps} steps of {point.sampler} is "
            "missing; the same 'python cli.py curve' generates it again"
        )
    facts = runs[0].facts
    return Drawn(
        point,
        seconds=float(facts["seconds_per_volume"]),
        evaluations=int(facts["network_evaluations"]),
        estimates={metric: estimate(results, entry, metric) for metric in results.metrics},
    )


def curve_records(results: Results, drawn: list[Drawn]) -> list[dict[str, Any]]:
    """One row a point and metric."""
    return [
        {
            "method": its.point.method,
            "sampler": its.point.sampler,
            "steps": its.point.steps,
            "metric": metric.name,
            "value": its.estimates[metric].value,
            "low": its.estimates[metric].interval.low,
            "high": its.estimates[metric].interval.high,
            "seconds_per_volume": its.seconds,
            "network_evaluations": its.evaluations,
            "eta": its.point.eta,
            "default": its.point.default,
            "title": its.estimates[metric].title,
        }
        for its in drawn
        for metric in results.metrics
    ]


def short_names(metrics: Sequence[MetricFacts]) -> dict[MetricFacts, str]:
    """Names without what their brackets hold, unless two would be the same."""
    short = {its: replace(its, title=its.title.partition(" [")[0]).heading for its in metrics}
    twice = Counter(short.values())
    return {its: its.heading if twice[name] > 1 else name for its, name in short.items()}
