"""Kernel distance between the features of generated and real volumes (Binkowski et al. 2018)."""

from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from longibench.metrics.frechet import finite
from longibench.metrics.metric import Features, Scan
from longibench.metrics.subsets import Rows, SubsetMetric


class KID(SubsetMetric, name="kid"):
    """Squared maximum mean discrepancy of an extractor's pooled features, unbiased at every N.

    Over all volumes at once, while the paper averages over random subsets, so that the value is
    deterministic; the standard error is that of the jackknife over subjects. For two samples of one
    distribution the mean is 0, with values above and below; for a copy of the real volumes the
    value is below 0.
    """

    family = "distribution"
    higher_is_better = False
    decimals = 4
    citation = "Binkowski et al. 2018, arXiv:1801.01401, eq. 4 and section 4"
    parameters = MappingProxyType({"kernel": "(x y / d + 1)^3"})
    uses_extractor = True

    @property
    def title(self) -> str:
        """Name with the kernel and the extractor."""
        return f"KID [cubic kernel, {self.instruments.title}]"

    def features(self, scan: Scan, *, source: Scan, interval_years: float) -> Features:
        """Features (d,) of one volume, independent of its source and interval."""
        return self.instruments.features(scan)

    def subsets(self, *, generated: Features, reference: Features) -> "KernelSubsets":
        """Prepare two sets of features, (N, d) and (M, d), for the comparison of subsets."""
        return KernelSubsets(generated, reference)


class KernelSubsets:
    """Unbiased squared MMD of any rows of two sets of features, from sums over kernel matrices.

    Memory is O((N + M)^2), for any number of subsets.
    """

    def __init__(self, generated: Features, reference: Features) -> None:
        """Args: features (N, d) and (M, d).

        Raises:
            MetricError: A feature is not finite.
        """
        x, y = finite(generated), finite(reference)
        self._within = (_without_diagonal(x), _without_diagonal(y))
        self._across = cubic_kernel(x, y)

    def distance(self, generated: Rows, reference: Rows) -> float:
        """Compare the given rows of either set, at least 2 each (Binkowski et al. 2018, eq. 4)."""
        x = _shares(generated, len(self._within[0]))
        y = _shares(reference, len(self._within[1]))
        within = [
            (share @ kernel @ share) * len(rows) / (len(rows) - 1)
            for share, kernel, rows in zip(
                (x, y), self._within, (generated, reference), strict=True
            )
        ]
        return float(sum(within) - 2 * (x @ self._across @ y))


def cubic_kernel(x: Features, y: Features) -> NDArray[np.float64]:
    """Kernel ``(x y / d + 1)^3`` of each pair (Binkowski et al. 2018, section 4), (N, M)."""
    return np.asarray((x @ y.T / x.shape[1] + 1) ** 3)


def _without_diagonal(features: Features) -> NDArray[np.float64]:
    """Kernel of each pair, 0 for a volume with itself, which the unbiased mean omits."""
    kernel = cubic_kernel(features, features)
    np.fill_diagonal(kernel, 0)
    return kernel


def _shares(rows: Rows, count: int) -> NDArray[np.float64]:
    """Weight of each of all rows in a mean over some of them."""
    shares = np.zeros(count)
    shares[rows] = 1 / len(rows)
    return shares
