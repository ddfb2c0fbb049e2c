"""Which rows of a run are forecasts of volumes, and which metrics measure them."""

from collections.abc import Sequence

from longibench.benchmark.core.errors import UserError
from longibench.benchmark.evaluation.forecast_fit import FORECASTS
from longibench.benchmark.settings.plugins import find_metric
from longibench.benchmark.settings.schema import Settings
from longibench.metrics.tissue import TissueMetric

NEEDS_METRIC = (
    "forecasts volumes of tissue: add a metric of their change to metrics.names, such as "
    "ventricles-slope-ratio"
)


def split_forecasts(asked: Sequence[str], settings: Settings) -> tuple[list[str], list[str]]:
    """The methods among what was asked for, and the forecasts of a run.

    Args:
        asked: Names of methods and forecasts.
        settings: ``reference_rows`` adds all forecasts to methods if there is a metric for them.

    Raises:
        UserError: A forecast was asked for, and no metric measures volumes; an unknown metric.
    """
    methods = [name for name in asked if name not in FORECASTS]
    named = [name for name in asked if name in FORECASTS]
    measured = any(measures_forecasts(name) for name in settings.metrics.names)
    if named and not measured:
        raise UserError(f"'{named[0]}' {NEEDS_METRIC}")
    added = FORECASTS if methods and settings.reference_rows and measured else ()
    return methods, list(dict.fromkeys([*named, *added]))


def measures_forecasts(metric: str) -> bool:
    """Whether a forecast's row has a metric."""
    return issubclass(find_metric(metric), TissueMetric)


def summary(name: str) -> str:
    """One line on a forecast: the first of its docstring."""
    return (FORECASTS[name].__doc__ or "").partition("\n")[0].partition(";")[0].rstrip(".")
