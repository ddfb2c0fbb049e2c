"""All checks of a run's settings, against each other, this machine and the cohorts' tables.

The first come before the first byte is written and before a cohort is opened; those of the tables
before a scan is opened.
"""

from collections.abc import Iterator, Sequence

from longibench.benchmark.cohorts.open_cohort import is_here
from longibench.benchmark.core.console import Console
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.workspace import Workspace
from longibench.benchmark.devices.machine import check_machine, require_cores
from longibench.benchmark.protocol.checks import check_data, check_split
from longibench.benchmark.protocol.splits.split import split_cohort
from longibench.benchmark.protocol.table_checks import Cohorts, Refusal, open_cohorts, refusals
from longibench.benchmark.runs.matrix import Matrix
from longibench.benchmark.settings.schema import Settings, TrainingSettings
from longibench.benchmark.training.least_memory import require_memory
from longibench.benchmark.training.loggers.loggers import require_loggers
from longibench.benchmark.training.recipe import Recipe
from longibench.benchmark.training.validation import require_pairs


def check_run(
    recipes: list[Recipe], settings: Settings, matrix: Matrix, *, cells_here: bool = True
) -> None:
    """Check the settings of a run.

    Args:
        recipes: The methods.
        settings: The run's settings.
        matrix: Training seeds and folds.
        cells_here: Whether the cells run on this machine, not on a cluster.

    Raises:
        UserError: Something that cannot work.
    """
    check_data(settings)
    for fold in matrix.by_fold(settings):
        check_split(fold)
    check_machine(settings)
    training = {recipe.name: recipe.training(settings) for recipe in recipes}
    for learns in _trained(recipes, settings):
        require_loggers(learns.loggers)
    if cells_here:
        for name, its in training.items():
            require_cores({f"methods.{name}.training.workers": its.workers})
        most = max((its.micro_batch for its in training.values()), default=1)
        require_memory(settings.grid, recipes, most)


def check_cohorts(
    recipes: list[Recipe], cohorts: Cohorts, settings: Settings, matrix: Matrix
) -> None:
    """Check a run, with all its folds, against the tables of its cohorts.

    Raises:
        UserError: The first of ``run_refusals``.
    """
    for refusal in run_refusals(_trained(recipes, settings), cohorts, settings, matrix):
        raise refusal.error


def check_array(
    recipes: list[Recipe], settings: Settings, matrix: Matrix, workspace: Workspace
) -> None:
    """Check the jobs of an array before their scripts are written.

    The cohorts' tables are checked if this machine has them; the phantom is simulated by a job.

    Raises:
        UserError: A split or tables for which each job would be refused.
    """
    for fold in matrix.by_fold(settings):
        check_split(fold)
    specs = list(filter(None, (settings.cohort, settings.test_cohort)))
    if all(is_here(spec) for spec in specs):
        quiet = Console(quiet=True)
        check_cohorts(recipes, open_cohorts(settings, workspace, quiet), settings, matrix)


def run_refusals(
    trainings: Sequence[TrainingSettings], cohorts: Cohorts, settings: Settings, matrix: Matrix
) -> Iterator[Refusal]:
    """Everything for which a run of these cohorts would be refused, fold by fold.

    Args:
        trainings: How each method that learns is trained.
        cohorts: The cohorts as read.
        settings: The run's settings.
        matrix: Its folds; an error names its fold if there are several.
    """
    seen: set[tuple[str, str]] = set()
    for fold in matrix.by_fold(settings):
        for refusal in (*refusals(cohorts, fold), *_unvalidated(trainings, cohorts, fold)):
            known = refusal.check, str(refusal.error)
            if known not in seen:  # most are the same in each fold
                seen.add(known)
                where = f"fold {fold.split.fold}: " if len(matrix.folds) > 1 else ""
                yield Refusal(refusal.check, UserError(f"{where}{refusal.error}"))


def _unvalidated(
    trainings: Sequence[TrainingSettings], cohorts: Cohorts, settings: Settings
) -> Iterator[Refusal]:
    """A training that is to be validated, without a validation part."""
    try:
        if split_cohort(cohorts.train.visits, settings.split).validation:
            return
    except UserError:  # listed already
        return
    for training in trainings:
        try:
            require_pairs(None, training.validation)
        except UserError as error:
            yield Refusal("validation", error)


def _trained(recipes: list[Recipe], settings: Settings) -> list[TrainingSettings]:
    return [recipe.training(settings) for recipe in recipes if recipe.method().learns]
