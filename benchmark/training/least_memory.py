"""The least memory that a method needs on this machine, before any work is done.

The memory plan of a training is exact and comes later; this refuses what cannot work at all.
"""

from math import prod

import psutil

from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.grid import Grid
from longibench.benchmark.training.footprint import GB, outline
from longibench.benchmark.training.recipe import Recipe

VOXEL_BYTES = 4  # float32
VOLUMES = 8  # that preparing or scoring one visit holds at once, at the least
COPIES = 4  # weights, gradients and two moments of Adam


def require_memory(grid: Grid, recipes: list[Recipe], most_pairs: int = 1) -> None:
    """Check that volumes and networks fit the memory of this machine.

    Args:
        grid: The grid of all volumes.
        recipes: The methods; their networks are built without allocating weights.
        most_pairs: Pairs of a micro-batch that the settings fix.

    Raises:
        UserError: They do not fit, or a network cannot be built with its settings.
    """
    volume = VOXEL_BYTES * prod(grid.shape)
    sides = " x ".join(map(str, grid.shape))
    _require(max(VOLUMES, 2 * most_pairs) * volume, f"grid.shape, {sides} voxels")
    for recipe in recipes:
        if recipe.method().learns:
            _require(COPIES * _weights(recipe), f"methods.{recipe.name}, training")


def _weights(recipe: Recipe) -> int:
    """Bytes of a network's weights."""
    try:
        return outline(recipe).weight_bytes
    except (ValueError, RuntimeError, OverflowError, MemoryError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(
            f"methods.{recipe.name}: it cannot be built with these settings: {reason}"
        ) from error


def _require(needed: int, what: str) -> None:
    available = psutil.virtual_memory().total
    if needed > available:
        raise UserError(
            f"{what}: needs {needed / GB:,.1f} GB of memory at the least, and this machine has "
            f"{available / GB:,.1f} GB; choose smaller values"
        )
