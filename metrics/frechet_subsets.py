"""Fréchet distances of many subsets of the same features, for the jackknife and the floor."""

import numpy as np

from longibench.metrics.frechet import finite, frechet_distance
from longibench.metrics.metric import Features
from longibench.metrics.subsets import Rows


class FrechetSubsets:
    """Fréchet distances of any rows of two sets of features.

    With centred features X (N, d) and Y (M, d), the trace of the square root in
    ``metrics.frechet.statistics_to_distance`` is the sum of the singular values of XY'. For a
    subset, centred again, this matrix consists of the subset's rows and columns of XY', minus
    their means: XY' is computed once, and the cost no longer depends on d. This is exact.

    For N > d the matrix XY' would be larger than the covariances; each distance is then computed
    from the features.
    """

    def __init__(self, generated: Features, reference: Features) -> None:
        """Args: features (N, d) and (M, d).

        Raises:
            MetricError: A feature is not finite.
        """
        self._generated = _Set(finite(generated))
        self._reference = _Set(finite(reference))
        self._few = min(len(generated), len(reference)) <= generated.shape[1]
        if self._few:
            self._products = self._generated.centred @ self._reference.centred.T

    def distance(self, generated: Rows, reference: Rows) -> float:
        """Compare the given rows of either set, at least 2 each."""
        x, y = self._generated, self._reference
        if not self._few:
            return frechet_distance(
                generated=x.centred[generated] + x.mean, reference=y.centred[reference] + y.mean
            )
        (mean_x, trace_x), (mean_y, trace_y) = x.moments(generated), y.moments(reference)
        products = self._products[np.ix_(generated, reference)]
        products -= products.mean(axis=0)
        products -= products.mean(axis=1, keepdims=True)
        scale = np.sqrt((len(generated) - 1) * (len(reference) - 1))
        root = np.linalg.svd(products, compute_uv=False).sum() / scale
        return max(0.0, float(np.sum((mean_x - mean_y) ** 2) + trace_x + trace_y - 2 * root))


class _Set:
    """Features centred at their common mean, which avoids cancellation."""

    def __init__(self, features: Features) -> None:
        self.mean = features.mean(axis=0)
        self.centred = features - self.mean
        self._squares = np.sum(self.centred**2, axis=1)

    def moments(self, rows: Rows) -> tuple[Features, float]:
        """Mean (d,) and trace of the unbiased covariance of some rows."""
        shares = np.zeros(len(self.centred))
        shares[rows] = 1 / len(rows)
        offset = shares @ self.centred
        scatter = self._squares[rows].sum() - len(rows) * np.sum(offset**2)
        return self.mean + offset, float(scatter / (len(rows) - 1))
