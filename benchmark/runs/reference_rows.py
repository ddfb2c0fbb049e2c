"""The rows that every run also computes, because they show what a score rewards."""

from collections.abc import Collection, Sequence
from pathlib import Path

from longibench.benchmark.cohorts.open_cohort import SIMULATED
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.evaluation.generate import NEEDS_TRUTH
from longibench.benchmark.preparation.steps.plan import resamples_only, resolve
from longibench.benchmark.preparation.truth import FOLLOWS, STEPS, allows_truth
from longibench.benchmark.protocol.table_checks import Cohorts
from longibench.benchmark.runs.forecast_names import split_forecasts
from longibench.benchmark.runs.matrix import read_recipes
from longibench.benchmark.settings.plugins import find_metric, load_metrics
from longibench.benchmark.settings.schema import Settings
from longibench.benchmark.training.recipe import Recipe
from longibench.metrics.metric import TRUTH

REFERENCES = ("copy-source", "copy-smoothed")
ORACLES = ("denoised-copy", "half-change", "full-change")  # where the truth is known
EXPECTED = "expected-change"  # where futures were simulated too
NEEDS_FUTURES = "is made with simulated futures: add --set phantom.futures=24"
NEEDS_METRIC = (
    "is measured by fid, ssim, the variants of ssim and the scores against the truth alone: add "
    "one of them to metrics.names"
)
NEEDS_RESAMPLING = (
    f"is made with the simulated truth, {FOLLOWS}: leave it out of --methods, or leave out what "
    f"else prepares them ({STEPS})"
)


def with_reference_rows(methods: Sequence[str], settings: Settings) -> list[str]:
    """The methods that were asked for, then the other rows of a run."""
    if not methods or not settings.reference_rows:
        return list(dict.fromkeys(methods))
    expected = (EXPECTED,) if settings.phantom.futures else ()
    return list(dict.fromkeys([*methods, *REFERENCES, *ORACLES, *expected]))


def read_rows(
    asked: Sequence[str], settings: Settings, plugins: tuple[Path, ...]
) -> tuple[list[Recipe], list[str]]:
    """Recipes of all methods of a run, and the names of its forecasts.

    Args:
        asked: Names of registered methods and of forecasts.
        settings: The run's settings.
        plugins: Files with further methods and metrics.

    Raises:
        UserError: Nothing is named, a name is unknown, or a wrong setting of any method.
    """
    load_metrics(plugins)
    methods, forecasts = split_forecasts(asked, settings)
    if forecasts and not methods:
        return [], forecasts
    return read_recipes(with_reference_rows(methods, settings), settings, plugins), forecasts


def with_truth_only(
    recipes: Sequence[Recipe], asked: Collection[str], settings: Settings, *, truth: bool
) -> list[Recipe]:
    """The recipes without the oracles that the evaluated cohort or the metrics have no use for.

    Args:
        recipes: All rows of a run.
        asked: Names of the methods that were asked for.
        settings: The metrics.
        truth: Whether the truth of the evaluated cohort is known.

    Raises:
        UserError: An oracle was asked for, and cannot be made or is not measured by any metric; or
            a metric is unknown.
    """
    if EXPECTED in asked and not settings.phantom.futures:
        raise UserError(f"method '{EXPECTED}' {NEEDS_FUTURES}")
    load_metrics(path for recipe in recipes for path in recipe.plugins)
    measured = any(measures_oracles(name) for name in settings.metrics.names)
    if truth and measured:
        return list(recipes)
    lacks = NEEDS_RESAMPLING if _is_plain_phantom(settings) else NEEDS_TRUTH
    for recipe in recipes:
        if recipe.method().oracle and recipe.name in asked:
            raise UserError(f"method '{recipe.name}' {NEEDS_METRIC if truth else lacks}")
    return [recipe for recipe in recipes if not recipe.method().oracle]


def is_simulated(cohorts: Cohorts, settings: Settings) -> bool:
    """Whether the evaluated cohort has a truth that its preparation keeps; for checked tables."""
    cohort = cohorts.test or cohorts.train
    return allows_truth(cohort.visits, resolve(settings.preparation, cohort))


def simulates_truth(settings: Settings) -> bool:
    """The same before the cohort is simulated."""
    return _is_plain_phantom(settings) and resamples_only(settings.preparation)


def _is_plain_phantom(settings: Settings) -> bool:
    """Whether the evaluated cohort is a phantom that is simulated with its truth."""
    spec = settings.test_cohort or settings.cohort
    return spec in SIMULATED and not settings.phantom.scattered


def measures_oracles(metric: str) -> bool:
    """Whether an oracle's row has a metric."""
    if metric == "fid" or metric.partition("-")[0] == "ssim":
        return True
    return find_metric(metric).family == TRUTH


def seeds_of(recipe: Recipe, settings: Sequence[Settings]) -> Sequence[Settings]:
    """The settings of the training seeds that a row needs: references and oracles have one."""
    return settings if recipe.method().role() == "method" else settings[:1]
