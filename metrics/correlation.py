"""Pearson's correlation, and when it is not defined."""

import numpy as np

from longibench.metrics.metric import MetricError
from longibench.metrics.pairs import Values

ROUNDING = 1e-7  # of float32: a smaller spread counts as zero


def correlation(generated: Values, reference: Values, what: str) -> float:
    """Pearson's correlation of two vectors (n,), from -1 to 1.

    Args:
        generated: Generated values.
        reference: Real values.
        what: Name of the values, for the message.

    Raises:
        MetricError: One of them is constant; the message names it.
    """
    for values, whose in ((generated, "generated"), (reference, "real")):
        if np.ptp(values) <= ROUNDING * max(1.0, float(np.abs(values).max())):
            raise MetricError(f"no correlation: the {whose} {what} is constant")
    a, b = generated - generated.mean(), reference - reference.mean()
    return float(np.clip(a @ b / np.sqrt((a @ a) * (b @ b)), -1, 1))
