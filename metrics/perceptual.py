"""Perceptual distance on the maps of a 3D network (Zhang et al. 2018, LPIPS, without its 2D)."""

from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from longibench.metrics.masks import Region
from longibench.metrics.metric import MetricError, PairMetric, Scan
from longibench.metrics.pairs import same_shape

Map = NDArray[np.float32]

EPSILON = 1e-10  # as in the lpips package: zero features stay zero


class Perceptual(PairMetric, name="perceptual"):
    """Distance of two volumes in the feature extractor's maps, summed over its stages.

    The features of each voxel are scaled to length 1; the squared difference is averaged over
    space. Channels have equal weights, while LPIPS weights them by human judgements of photographs:
    there are none for brains. Comparable only with the same extractor.
    """

    higher_is_better = False
    decimals = 4
    citation = "Zhang et al. 2018, arXiv:1801.03924, eq. 1 with w = 1, in 3D"
    parameters = MappingProxyType({"epsilon": EPSILON, "stages": "summed", "channels": "alike"})
    mask = Region.WHOLE.value
    uses_extractor = True

    @property
    def title(self) -> str:
        """Name with the extractor."""
        return f"Perceptual distance [{self.instruments.title}, whole volume]"

    def __call__(
        self, *, generated: Scan, reference: Scan, source: Scan, interval_years: float
    ) -> float:
        """Score one generated volume; the source is not used.

        Raises:
            MetricError: The shapes differ, or a feature is not finite.
        """
        same_shape(generated, reference)
        stages = zip(
            self.instruments.feature_maps(generated),
            self.instruments.feature_maps(reference),
            strict=True,
        )
        value = sum(stage_distance(x, y) for x, y in stages)
        if not np.isfinite(value):
            raise MetricError("a feature is not a finite number; check the volumes for NaN")
        return float(value)


def stage_distance(x: Map, y: Map) -> float:
    """Mean over space of the squared distance between unit features, from 0 to 4.

    Args:
        x: Maps of one stage, (C, x, y, z).
        y: The same for the other volume.
    """
    squares = (_unit_features(x) - _unit_features(y)) ** 2
    return float(squares.sum(axis=0).mean(dtype=np.float64))


def _unit_features(maps: Map) -> Map:
    return maps / (np.linalg.norm(maps, axis=0) + np.float32(EPSILON))
