"""The Fréchet distance as pure functions: features -> statistics -> two parts -> distance."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from longibench.metrics.metric import Features, MetricError, TooFewVolumes


class Parts(NamedTuple):
    """The two parts of a Fréchet distance, each at least 0.

    Attributes:
        mean: ``|m1 - m2|^2``: a shift that all volumes share.
        covariance: ``Tr(S1 + S2 - 2 (S1 S2)^(1/2))``: another spread between the volumes.
    """

    mean: float
    covariance: float

    @property
    def distance(self) -> float:
        """Their sum."""
        return self.mean + self.covariance


@dataclass(frozen=True)
class Statistics:
    """Mean and covariance of a set of features.

    Attributes:
        mean: (d,).
        factor: (k, d) with ``factor.T @ factor`` the unbiased covariance, k = min(N, d). It
            represents the covariance exactly, and at N < d in much less memory.
    """

    mean: Features
    factor: Features


def features_to_statistics(features: Features) -> Statistics:
    """Summarise features (N, d) by their mean and covariance.

    Raises:
        TooFewVolumes: N < 2, where there is no covariance.
        MetricError: A feature is not finite.
    """
    count, dimension = features.shape
    if count < 2:
        raise TooFewVolumes(f"a covariance needs at least 2 volumes; there is {count}")
    features = finite(features)
    mean = features.mean(axis=0)
    factor = (features - mean) / np.sqrt(count - 1)
    if count > dimension:
        factor = np.linalg.qr(factor, mode="r")
    return Statistics(mean, factor)


def statistics_to_parts(*, generated: Statistics, reference: Statistics) -> Parts:
    """Fréchet distance of two normal distributions in parts (Dowson and Landau 1982).

    ``|m1 - m2|^2 + Tr(S1 + S2 - 2 (S1 S2)^(1/2))``. With S1 = A'A and S2 = B'B the eigenvalues of
    S1 S2 are the squared singular values of AB', so the last trace is their sum: exact, real and
    without the square root of a singular matrix.
    """
    singular = np.linalg.svd(generated.factor @ reference.factor.T, compute_uv=False)
    spread = np.sum(generated.factor**2) + np.sum(reference.factor**2) - 2 * singular.sum()
    shift = np.sum((generated.mean - reference.mean) ** 2)
    return Parts(float(shift), max(0.0, float(spread)))  # rounding can leave -1e-13


def frechet_parts(*, generated: Features, reference: Features) -> Parts:
    """The parts of the Fréchet distance of two sets of features, (N, d) and (M, d).

    Raises:
        TooFewVolumes: Fewer than two volumes in a set.
        MetricError: A feature is not finite.
    """
    return statistics_to_parts(
        generated=features_to_statistics(generated), reference=features_to_statistics(reference)
    )


def frechet_distance(*, generated: Features, reference: Features) -> float:
    """Fréchet distance of two sets of features; arguments and errors as of ``frechet_parts``."""
    return frechet_parts(generated=generated, reference=reference).distance


def finite(features: Features) -> Features:
    """The features in float64.

    Raises:
        MetricError: A feature is not finite.
    """
    if not np.isfinite(features).all():
        raise MetricError("a feature is not a finite number; check the volumes for NaN")
    return np.asarray(features, np.float64)
