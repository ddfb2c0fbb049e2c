"""Pearson's correlation, and when there is none."""

import numpy as np

from longibench.metrics.metric import MetricError
from longibench.metrics.pairs import Values

ROUNDING = 1e-7  # of float32: a spread below it is no spread


def correlation(generated: Values, reference: Values, what: str) -> float:
    """Pearson's correlation of two vectors (n,), from -1 to 1.

    Args:
        generated: What was generated.
        reference: What is real.
        what: What the values are, for the message.

    Raises:
        MetricError: One of them is constant; the message says which.
    """
    for values, whose in ((generated, "generated"), (reference, "real")):
        if np.ptp(values) <= ROUNDING * max(1.0, float(np.abs(values).max())):
            raise MetricError(f"no correlation: the {whose} {what} is constant")
    a, b = generated - generated.mean(), reference - reference.mean()
    return float(np.clip(a @ b / np.sqrt((a @ a) * (b @ b)), -1, 1))
