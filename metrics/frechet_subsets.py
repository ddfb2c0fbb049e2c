"""Fréchet distances of many subsets of the same features, for the jackknife and the floor."""

import hashlib
from dataclasses import dataclass
from typing import Literal

import numpy as np

from longibench.metrics.allowed import Allowed
from longibench.metrics.frechet import Parts, finite, frechet_parts
from longibench.metrics.metric import Features
from longibench.metrics.subsets import Rows

Part = Literal["mean", "covariance", "distance"]  # attributes of ``Parts``


class FrechetSubsets:
    """Fréchet distances, in parts, of any rows of two sets of features; each is computed once.

    With centred features X (N, d) and Y (M, d), the trace of the square root in
    ``metrics.frechet.statistics_to_parts`` is the sum of the singular values of XY'. For a
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
        self._known: dict[bytes, Parts] = {}

    def parts(self, generated: Rows, reference: Rows) -> Parts:
        """Compare the given rows of either set, at least 2 each."""
        key = _digest(generated) + _digest(reference)
        if key not in self._known:  # two threads may both compute it, with the same result
            self._known[key] = self._parts(generated, reference)
        return self._known[key]

    def _parts(self, generated: Rows, reference: Rows) -> Parts:
        x, y = self._generated, self._reference
        if not self._few:
            return frechet_parts(
                generated=x.centred[generated] + x.mean, reference=y.centred[reference] + y.mean
            )
        (mean_x, trace_x), (mean_y, trace_y) = x.moments(generated), y.moments(reference)
        products = self._products[np.ix_(generated, reference)]
        products -= products.mean(axis=0)
        products -= products.mean(axis=1, keepdims=True)
        scale = np.sqrt((len(generated) - 1) * (len(reference) - 1))
        root = np.linalg.svd(products, compute_uv=False).sum() / scale
        spread = float(trace_x + trace_y - 2 * root)
        return Parts(float(np.sum((mean_x - mean_y) ** 2)), max(0.0, spread))


@dataclass(frozen=True)
class OnePart:
    """One part of the Fréchet distances of any rows, or the distance itself."""

    whole: FrechetSubsets
    part: Part

    def distance(self, generated: Rows, reference: Rows) -> float:
        """Compare the given rows of either set, at least 2 each."""
        return float(getattr(self.whole.parts(generated, reference), self.part))


def prepare(
    instruments: Allowed, *, generated: Features, reference: Features, part: Part = "distance"
) -> OnePart:
    """Prepare two sets of features, (N, d) and (M, d), once for all metrics on the same features.

    Raises:
        MetricError: A feature is not finite.
    """
    key = ("frechet", generated.shape, _digest(generated), _digest(reference))
    whole = instruments.prepared(key, lambda: FrechetSubsets(generated, reference))
    return OnePart(whole, part)


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


def _digest(values: Features | Rows) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(values).tobytes(), digest_size=16).digest()
