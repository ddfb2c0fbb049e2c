"""The metrics of a protocol, built from settings, and what is recorded of them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmark.errors import UserError
from benchmark.plugins import find_metric, load_metrics
from benchmark.settings import MetricSettings
from metrics.cache import VectorCache
from metrics.instruments import Instruments
from metrics.metric import Metric
from metrics.weights import WeightsError


def build_metrics(
    settings: MetricSettings, cache: Path | None = None, plugins: Sequence[Path] = ()
) -> list[Metric]:
    """Construct the metrics asked for, on shared instruments.

    Args:
        settings: Names, extractor and input convention.
        cache: Folder for features and volumes that were measured; None keeps none.
        plugins: Files with further metrics.

    Raises:
        UserError: An unknown metric, one named twice, or weights that cannot be named.
    """
    load_metrics(plugins)
    twice = {name for name in settings.names if settings.names.count(name) > 1}
    if twice:
        raise UserError(f"metrics.names: {min(twice)} stands twice")
    if not settings.names:
        raise UserError("metrics.names: name at least one; see 'python cli.py metrics'")
    instruments = Instruments(settings.extractor, settings.input, VectorCache(cache))
    with _weights_explained():
        built = [find_metric(name)(instruments) for name in settings.names]
        for metric in built:
            _ = metric.title  # names the weights' file, which must be there
    return built


def load_extractors(metrics: Sequence[Metric]) -> None:
    """Read what metrics measure with, before any work is done.

    Raises:
        UserError: Weights that cannot be had, or are not what they should be.
    """
    with _weights_explained():
        for metric in metrics:
            if metric.uses_extractor:
                metric.instruments.load()


def describe_metric(metric: Metric) -> dict[str, Any]:
    """A metric's spec as plain values, for ``protocol.json``."""
    return {
        "name": metric.name,
        "title": metric.title,
        "kind": metric.kind,
        "family": metric.family,
        "best": metric.best,
        "higher_is_better": metric.higher_is_better,
        "unit": metric.unit,
        "decimals": metric.decimals,
        "source": metric.source,
    }


@contextmanager
def _weights_explained() -> Iterator[None]:
    try:
        yield
    except WeightsError as error:
        raise UserError(f"metrics.extractor: {error}") from error
