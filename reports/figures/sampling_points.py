"""The points of the curve of quality against cost, with cost and estimates."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from longibench.benchmark.core.checked_files import read_json
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.workspace import POINTS
from longibench.benchmark.runs.sampler_sweep import Point
from longibench.reports.model.estimates import Estimate, estimate
from longibench.reports.model.metric_facts import MetricFacts
from longibench.reports.model.results import Entry, Results


@dataclass(frozen=True)
class MeasuredPoint:
    """A point with its cost and its estimates, by metric."""

    point: Point
    seconds: float
    evaluations: int
    estimates: dict[MetricFacts, Estimate]


def read_points(results: Results) -> list[MeasuredPoint]:
    """The points that were generated last, in their order.

    Raises:
        UserError: There are none.
    """
    path = results.folder / POINTS
    if not path.is_file():
        raise UserError(f"{path}: no points; 'python cli.py curve' generates them")
    return [_read(results, point) for point in read_json(path, list[Point])]


def _read(results: Results, point: Point) -> MeasuredPoint:
    entry = Entry(point.method, point.settings, point.method)
    runs = results.runs_of(entry)
    if not runs:
        raise UserError(
            f"{results.folder}: {point.method} in {point.steps} steps of {point.sampler} is "
            "missing; the same 'python cli.py curve' generates it again"
        )
    facts = runs[0].facts
    return MeasuredPoint(
        point,
        seconds=float(facts["seconds_per_volume"]),
        evaluations=int(facts["network_evaluations"]),
        estimates={metric: estimate(results, entry, metric) for metric in results.metrics},
    )


def curve_records(results: Results, points: list[MeasuredPoint]) -> list[dict[str, Any]]:
    """One row per point and metric."""
    return [
        {
            "method": measured.point.method,
            "sampler": measured.point.sampler,
            "steps": measured.point.steps,
            "metric": metric.name,
            "value": measured.estimates[metric].value,
            "low": measured.estimates[metric].interval.low,
            "high": measured.estimates[metric].interval.high,
            "seconds_per_volume": measured.seconds,
            "network_evaluations": measured.evaluations,
            "eta": measured.point.eta,
            "default": measured.point.default,
            "title": measured.estimates[metric].title,
        }
        for measured in points
        for metric in results.metrics
    ]


def short_names(metrics: Sequence[MetricFacts]) -> dict[MetricFacts, str]:
    """Names without the text in brackets, unless two would be the same."""
    short = {
        metric: replace(metric, title=metric.title.partition(" [")[0]).heading for metric in metrics
    }
    twice = Counter(short.values())
    return {metric: metric.heading if twice[name] > 1 else name for metric, name in short.items()}
