"""Fréchet distance between the features of generated and real volumes (Heusel et al. 2017).

Computed in stages, volumes -> features -> statistics -> two parts -> distance: see
``metrics.frechet``.
"""

from typing import ClassVar

from longibench.metrics.frechet import frechet_distance
from longibench.metrics.frechet_subsets import OnePart, Part, prepare
from longibench.metrics.metric import Features, Scan
from longibench.metrics.subsets import SubsetMetric

__all__ = ["FID", "frechet_distance"]


class FID(SubsetMetric, name="fid"):
    """Fréchet distance on an extractor's pooled features.

    Comparable only with the same extractor and the same N: below about as many volumes as
    features the value is biased upward, and two sets of real volumes have a distance above 0. The
    floor estimates that distance, the jackknife over subjects gives the interval. It is the sum of
    ``fid-mean`` and ``fid-covariance``, which share its features and decompositions.

    Attributes:
        part: What of the distance is the value.
    """

    family = "distribution"
    higher_is_better = False
    minimum: ClassVar[float | None] = 0.0
    decimals = 3  # distances below 1 are common on MedicalNet's features
    citation = "Heusel et al. 2017, arXiv:1706.08500, eq. 6"
    uses_extractor = True
    part: ClassVar[Part] = "distance"

    @property
    def title(self) -> str:
        """Name with the extractor; the number of volumes is added to the title of a value."""
        return f"FID [{self.instruments.title}]"

    def features(self, scan: Scan, *, source: Scan, interval_years: float) -> Features:
        """Features (d,) of one volume, independent of its source and interval."""
        return self.instruments.features(scan)

    def subsets(self, *, generated: Features, reference: Features) -> OnePart:
        """Prepare two sets of features, (N, d) and (M, d), for the comparison of subsets."""
        return prepare(self.instruments, generated=generated, reference=reference, part=self.part)
