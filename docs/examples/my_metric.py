"""A complete metric: a function of plain volumes, registered by a decorator."""

import numpy as np

from metrics.metric import Volume, pair_metric


@pair_metric(
    "worst-error",
    title="Worst error [99th percentile, source's foreground]",
    higher_is_better=False,
    citation="docs/examples/my_metric.py",
)
def worst_error(*, generated: Volume, reference: Volume, source: Volume) -> float:
    """99th percentile of the absolute difference in the source's foreground."""
    return float(np.percentile(np.abs(generated - reference)[source > -1], 99))
