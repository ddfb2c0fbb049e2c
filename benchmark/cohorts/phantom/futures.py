"""What can be expected of a participant: the median of many futures of one first visit."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from longibench.benchmark.cohorts.phantom.anatomy import Body

Volume = NDArray[np.float32]


def expected(
    futures: Sequence[Body], years: Sequence[float], show: Callable[[Tensor], Volume]
) -> list[Volume]:
    """Voxelwise median of several futures, which minimises a voxel's expected absolute error.

    Args:
        futures: The same first visit with different rates.
        years: From the first visit, ascending.
        show: Clean volume (X, Y, Z) of a map (3, X, Y, Z) to the template.

    Returns:
        A clean volume (X, Y, Z) for each time.
    """
    return [np.median([show(body.at(year)) for body in futures], axis=0) for year in years]
