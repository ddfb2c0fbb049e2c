"""The list of metrics that ``python cli.py metrics`` prints."""

from collections.abc import Sequence
from inspect import getdoc
from pathlib import Path

from longibench.benchmark.settings.plugins import load_metrics
from longibench.benchmark.settings.schema import DEFAULT_METRICS
from longibench.metrics.metric import Metric
from longibench.metrics.weights import WeightsError

FAMILIES = {
    "distribution": "Do the volumes look real? (one value for all volumes of a method)",
    "fidelity": "Do they look like the true follow-up?",
    "change": "Do they change as the true follow-up did?",
    "truth": "Do they change as the simulated anatomy did, without the scanner? (phantom only)",
}
BY_DEFAULT = "*"


def metric_table(plugins: Sequence[Path] = ()) -> str:
    """Name, direction, unit, kind and citation of every registered metric, by family."""
    found = load_metrics(plugins)
    parts = [f"{BY_DEFAULT} computed by default; choose others with --set metrics.names=[...]"]
    for family, question in FAMILIES.items():
        names = sorted(name for name, kind in found.items() if kind.family == family)
        parts += [question, *(_describe(found[name]) for name in names)]
    return "\n\n".join(parts)


def _describe(kind: type[Metric]) -> str:
    metric = kind()
    mark = BY_DEFAULT if metric.name in DEFAULT_METRICS else " "
    lines = [
        f"{mark} {metric.name}: {_first_line(kind)}",
        f"    title      {_title(metric)}",
        f"    direction  {_direction(metric)}",
        f"    unit       {metric.unit or 'none'}; one value a {metric.kind}",
        f"    citation   {metric.citation or '-'}",
    ]
    return "\n".join(lines)


def _first_line(kind: type[Metric]) -> str:
    return (getdoc(kind) or "").split("\n\n")[0].replace("\n", " ").rstrip(".")


def _title(metric: Metric) -> str:
    try:
        return metric.title
    except WeightsError as error:
        return str(error)


def _direction(metric: Metric) -> str:
    if metric.best is not None:
        return f"the nearer to {metric.best:g}, the better"
    return "higher is better" if metric.higher_is_better else "lower is better"
