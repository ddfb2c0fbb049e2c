"""All checks of a run's settings, against each other and against this machine.

They come before the first byte is written and before a cohort is opened.
"""

from longibench.benchmark.devices.machine import check_machine, require_cores
from longibench.benchmark.protocol.checks import check_data, check_split
from longibench.benchmark.runs.matrix import Matrix
from longibench.benchmark.settings.schema import Settings
from longibench.benchmark.training.least_memory import require_memory
from longibench.benchmark.training.recipe import Recipe


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
    training = {recipe.name: settings.training_of(recipe.name) for recipe in recipes}
    if cells_here:
        for name, its in training.items():
            require_cores({f"methods.{name}.training.workers": its.workers})
        most = max((its.micro_batch for its in training.values()), default=1)
        require_memory(settings.grid, recipes, most)
