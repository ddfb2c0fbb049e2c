"""Fréchet distance between the features of generated and real volumes (Heusel et al. 2017).

In named stages: volumes -> features -> statistics -> distance.
"""

from dataclasses import dataclass

import numpy as np

from metrics.metric import Features, MetricError, Scan, SetMetric, TooFewVolumes


class FID(SetMetric, name="fid"):
    """Fréchet distance on pooled features of a 3D ResNet.

    Comparable only with the same extractor and a similar N: below about as many volumes as
    features the value is biased upward. The jackknife over subjects gives its interval.
    """

    family = "distribution"
    higher_is_better = False
    decimals = 3  # on MedicalNet's features distances below 1 are common
    source = "Heusel et al. 2017, arXiv:1706.08500, eq. 6"
    uses_extractor = True

    @property
    def title(self) -> str:
        """Name with the extractor; the number of volumes is added where a value stands."""
        return f"FID [{self.instruments.title}]"

    def features(self, scan: Scan, *, source: Scan, interval_years: float) -> Features:
        """Features (d,) of one volume, whatever its source and interval."""
        return self.instruments.features(scan)

    def __call__(self, *, generated: Features, reference: Features) -> float:
        """Compare two sets of features, (N, d) and (M, d).

        Raises:
            TooFewVolumes: Fewer than two volumes in a set.
        """
        return frechet_distance(generated=generated, reference=reference)


@dataclass(frozen=True)
class Statistics:
    """Mean and covariance of a set of features.

    Attributes:
        mean: (d,).
        factor: (k, d) with ``factor.T @ factor`` the unbiased covariance, k = min(N, d). It holds
            the covariance exactly, and at N < d in far less room.
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
    if not np.isfinite(features).all():
        raise MetricError("a feature is not a finite number; look for NaN in the volumes")
    features = features.astype(np.float64)
    mean = features.mean(axis=0)
    factor = (features - mean) / np.sqrt(count - 1)
    if count > dimension:
        factor = np.linalg.qr(factor, mode="r")
    return Statistics(mean, factor)


def statistics_to_distance(*, generated: Statistics, reference: Statistics) -> float:
    """Fréchet distance of two normal distributions (Dowson and Landau 1982).

    ``|m1 - m2|^2 + Tr(S1 + S2 - 2 (S1 S2)^(1/2))``. With S1 = A'A and S2 = B'B the eigenvalues of
    S1 S2 are the squared singular values of AB', so the last trace is their sum: exact, real and
    without the square root of a singular matrix.

    Returns:
        The distance, at least 0.
    """
    singular = np.linalg.svd(generated.factor @ reference.factor.T, compute_uv=False)
    spread = np.sum(generated.factor**2) + np.sum(reference.factor**2) - 2 * singular.sum()
    shift = np.sum((generated.mean - reference.mean) ** 2)
    return max(0.0, float(shift + spread))  # rounding can leave -1e-13


def frechet_distance(*, generated: Features, reference: Features) -> float:
    """Fréchet distance of two sets of features, (N, d) and (M, d).

    Raises:
        TooFewVolumes: Fewer than two volumes in a set.
        MetricError: A feature is not finite.
    """
    return statistics_to_distance(
        generated=features_to_statistics(generated), reference=features_to_statistics(reference)
    )
