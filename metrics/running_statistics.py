"""Mean and covariance of features that are never all in memory."""

import numpy as np
from numpy.typing import NDArray

from longibench.metrics.frechet import Statistics, covariance_to_statistics, finite
from longibench.metrics.metric import Features, TooFewVolumes


class RunningStatistics:
    """Mean and covariance of features that come batch by batch.

    Chan, Golub and LeVeque 1983, The American Statistician 37:242, eq. 2.1: partial results merge
    without loss of digits. Memory is O(d^2), whatever the number of volumes; partial results of
    several processes merge alike.

    For tens of thousands of volumes; FID itself keeps the features of a benchmark's hundreds,
    where N < d and the features are smaller than their covariance and more exact.

    Attributes:
        count: How many volumes were added.
        mean: Their mean, (d,).
    """

    def __init__(self, dimension: int) -> None:
        """Args: d, the number of features of a volume."""
        self.count = 0
        self.mean: Features = np.zeros(dimension)
        self._scatter: NDArray[np.float64] = np.zeros((dimension, dimension))

    def add(self, features: Features) -> None:
        """Add a batch of features, (n, d); it may be empty.

        Raises:
            MetricError: A feature is not finite; nothing was added.
        """
        if not len(features):
            return
        features = finite(features)
        mean = features.mean(axis=0)
        centred = features - mean
        self._combine(len(features), mean, centred.T @ centred)

    def merge(self, other: "RunningStatistics") -> None:
        """Add what another one has gathered, which stays as it is."""
        if other.count:
            self._combine(other.count, other.mean, other._scatter)

    @property
    def covariance(self) -> NDArray[np.float64]:
        """The unbiased covariance, (d, d).

        Raises:
            TooFewVolumes: Fewer than two volumes were added.
        """
        if self.count < 2:
            raise TooFewVolumes(f"a covariance needs at least 2 volumes; there is {self.count}")
        return self._scatter / (self.count - 1)

    def statistics(self) -> Statistics:
        """What ``metrics.frechet.statistics_to_distance`` compares.

        Raises:
            TooFewVolumes: Fewer than two volumes were added.
        """
        return covariance_to_statistics(self.mean.copy(), self.covariance)

    def _combine(self, count: int, mean: Features, scatter: NDArray[np.float64]) -> None:
        total = self.count + count
        difference = mean - self.mean
        self._scatter += scatter
        self._scatter += np.outer(difference, difference * (self.count * count / total))
        self.mean = self.mean + difference * (count / total)
        self.count = total
