"""The metrics of a protocol, built from settings, and what is recorded about them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from longibench.benchmark.cohorts.phantom.visit_truth import CLEAN
from longibench.benchmark.cohorts.visit_table import Cohort
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.found_files import is_present
from longibench.benchmark.core.measured_files import MeasuredFiles
from longibench.benchmark.preparation.steps.plan import resolve
from longibench.benchmark.preparation.truth import FOLLOWS, STEPS, allows_truth
from longibench.benchmark.protocol.metric_identity import identify, instrument_code
from longibench.benchmark.settings.plugins import find_metric, load_metrics
from longibench.benchmark.settings.schema import DEFAULT_METRICS, MetricSettings, Settings
from longibench.metrics.cache import VectorCache
from longibench.metrics.instruments import Instruments
from longibench.metrics.metric import TRUTH, Metric, MetricError, shared_instruments
from longibench.metrics.weights import WeightsError, parse, parse_segmentation

EXTRACTOR, SEGMENTATION = "metrics.extractor", "metrics.segmentation"


def build_metrics(
    settings: MetricSettings,
    cache: Path | None = None,
    plugins: Sequence[Path] = (),
    device: str = "cpu",
) -> list[Metric]:
    """Construct the requested metrics, on shared instruments.

    Args:
        settings: Names, extractor, input convention and segmentation.
        cache: Folder for measured features and volumes; None stores none.
        plugins: Files with additional metrics.
        device: Where networks compute, such as ``cuda``.

    Raises:
        UserError: An unknown metric, a duplicate, or weights that cannot be identified.
    """
    load_metrics(plugins)
    repeated = {name for name in settings.names if settings.names.count(name) > 1}
    if repeated:
        raise UserError(f"metrics.names: {min(repeated)} is listed twice")
    if not settings.names:
        raise UserError("metrics.names: name at least one; see 'python cli.py metrics'")
    with _weights_explained(SEGMENTATION):
        parse_segmentation(settings.segmentation)
    with _weights_explained(EXTRACTOR):
        _refuse_absent_weights(settings.extractor)
        instruments = Instruments(
            settings.extractor,
            settings.input,
            VectorCache(MeasuredFiles(cache) if cache else None),
            device,
            instrument_code,
            settings.segmentation,
        )
    return [_build(name, instruments) for name in settings.names]


def _build(name: str, instruments: Instruments) -> Metric:
    """Build one metric; a plugin's class may fail in its own ways."""
    kind = find_metric(name)
    with _weights_explained(_named_by(kind)):
        try:
            if kind.extractor is not None:
                _refuse_absent_weights(kind.extractor)
            metric = kind(instruments)
        except (TypeError, AttributeError) as error:
            raise UserError(f"metric '{name}' cannot be built: {error}") from error
        identify(metric)  # by its current code; reports a problem with the file of the weights
    return metric


def needs_truth(name: str) -> bool:
    """Whether a metric needs what was simulated; an unknown one does not."""
    known = load_metrics().get(name)
    return known is not None and known.family == TRUTH


def computed_on(settings: MetricSettings, *, truth: bool) -> MetricSettings:
    """The metrics for pairs with or without a truth: by default, all that they allow.

    Metrics that were asked for by name are kept.
    """
    if truth or settings.names != DEFAULT_METRICS:
        return settings
    names = tuple(name for name in settings.names if not needs_truth(name))
    return settings.model_copy(update={"names": names})


def require_truth(settings: Settings, cohort: Cohort, *, as_is: bool = False) -> None:
    """Check that metrics which were asked for by name have the truth that they need.

    Args:
        settings: The metrics, and the preparation.
        cohort: The evaluated cohort.
        as_is: Whether its scans are taken on their own grid.

    Raises:
        UserError: There is none, or the preparation does not allow it.
    """
    names = settings.metrics.names
    asked = next(filter(needs_truth, names), "") if names != DEFAULT_METRICS else ""
    if not asked:
        return
    where = f"metrics.names: {asked} needs the simulated truth"
    if CLEAN not in cohort.visits:
        raise UserError(
            f"{where}, which cohort '{cohort.name}' lacks: only --cohort phantom has it, if it is "
            f"not scattered; leave {asked} out"
        )
    if as_is or not allows_truth(cohort.visits, resolve(settings.preparation, cohort)):
        raise UserError(
            f"{where}, {FOLLOWS}: leave out {asked}, or what else prepares them (--as-is, {STEPS})"
        )


def load_extractors(metrics: Sequence[Metric]) -> None:
    """Load the extractors that metrics measure with, before any work is done.

    Raises:
        UserError: Weights that cannot be obtained, or are not the expected ones.
    """
    prepare_metrics(metrics)
    for metric in metrics:
        if metric.uses_extractor:
            with _weights_explained(_named_by(type(metric))):
                shared_instruments(metric).load()


def prepare_metrics(metrics: Sequence[Metric]) -> None:
    """Load what metrics need in addition to the instruments; without it no value may be stored.

    Raises:
        UserError: A package or a file is missing; the message explains how to get it.
    """
    for metric in metrics:
        try:
            metric.prepare()
        except MetricError as error:
            raise UserError(f"metrics.names: {metric.name}: {error}") from error


def describe_metric(metric: Metric) -> dict[str, Any]:
    """A metric's spec as plain values, for ``metrics.json``."""
    return {
        "name": metric.name,
        "title": metric.title,
        "kind": metric.kind,
        "family": metric.family,
        "best": metric.best,
        "minimum": metric.minimum,
        "maximum": metric.maximum,
        "higher_is_better": metric.higher_is_better,
        "unit": metric.unit,
        "decimals": metric.decimals,
        "source": metric.citation,  # the name in files of version 0.1
        "definition": identify(metric).definition,
        "defined_by": metric.definition,
    }


def _refuse_absent_weights(extractor: str) -> None:
    path = getattr(parse(extractor), "path", None)
    if isinstance(path, Path):
        is_present(path)  # raises if only a pointer is; reading it names a wrong path


@contextmanager
def _weights_explained(named_by: str) -> Iterator[None]:
    try:
        yield
    except WeightsError as error:
        raise UserError(f"{named_by}: {error}") from error


def _named_by(kind: type[Metric]) -> str:
    """Where the weights of a metric's extractor are named."""
    return EXTRACTOR if kind.extractor is None else f"metric '{kind.name}', extractor"
