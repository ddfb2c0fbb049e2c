"""Metrics that compare voxel with voxel, over the whole volume and inside the source's head.

The background is empty in both volumes and improves all of them; the volumes differ in the head.
"""

from abc import abstractmethod
from types import MappingProxyType
from typing import ClassVar

import numpy as np

from longibench.metrics.correlation import correlation
from longibench.metrics.masks import HEAD, Region
from longibench.metrics.metric import PairMetric, Scan
from longibench.metrics.pairs import Values, same_shape, unit_range

PSNR_CAP = 100.0  # dB; a mean square error of 1e-10, about that of rounding to 16 bits


class Voxelwise(PairMetric):
    """A value computed from the intensities of two volumes in a region."""

    region: ClassVar[Region] = Region.WHOLE
    mask: ClassVar[str] = region.value
    full_name: ClassVar[str]
    settings: ClassVar[str] = ""

    @property
    def title(self) -> str:
        """Name with the range and the mask."""
        return f"{self.full_name} [{self.settings}{self.region.value}]"

    def __call__(
        self, *, generated: Scan, reference: Scan, source: Scan, interval_years: float
    ) -> float:
        """Score one generated volume.

        Raises:
            MetricError: The shapes differ, the source's head is needed and not found, or the
                metric is not defined on these volumes.
        """
        same_shape(generated, reference, source)
        x, y = (self.region.of(unit_range(scan), source) for scan in (generated, reference))
        return float(self.compare(x, y))

    @abstractmethod
    def compare(self, x: Values, y: Values) -> float:
        """Compare intensities (n,) in [0, 1], generated with real."""


class PSNR(Voxelwise, name="psnr"):
    """Peak signal-to-noise ratio, 10 log10(L^2 / MSE) with L = 1 on intensities in [0, 1].

    Identical volumes would score infinity, for which no mean is defined: the value is capped at
    100 dB.
    """

    higher_is_better = True
    unit = "dB"
    decimals = 2
    citation = (
        "Huynh-Thu and Ghanbari 2008, Electronics Letters 44(13):800, doi:10.1049/el:20080522"
    )
    full_name = "PSNR"
    parameters = MappingProxyType({"range": 1, "at_most_db": PSNR_CAP})
    settings = "range 1, at most 100 dB, "

    def compare(self, x: Values, y: Values) -> float:
        """Peak signal-to-noise ratio in dB, at most ``PSNR_CAP``."""
        floor = 10 ** (-PSNR_CAP / 10)
        return -10 * np.log10(max(float(np.mean((x - y) ** 2)), floor))


class HeadPSNR(PSNR, name="psnr-head"):
    """Peak signal-to-noise ratio inside the source's head."""

    region = Region.HEAD
    mask = region.value
    parameters = MappingProxyType({**PSNR.parameters, **HEAD})


class MAE(Voxelwise, name="mae"):
    """Mean absolute error of intensities in [0, 1]."""

    higher_is_better = False
    decimals = 4
    citation = "mean of |generated - real|, as in sklearn.metrics.mean_absolute_error"
    full_name = "MAE"
    parameters = MappingProxyType({"range": 1})
    settings = "intensities from 0 to 1, "

    def compare(self, x: Values, y: Values) -> float:
        """Mean absolute difference, from 0 to 1."""
        return float(np.abs(x - y).mean())


class HeadMAE(MAE, name="mae-head"):
    """Mean absolute error inside the source's head."""

    region = Region.HEAD
    mask = region.value
    parameters = MappingProxyType({**MAE.parameters, **HEAD})


class NCC(Voxelwise, name="ncc"):
    """Normalised cross-correlation: Pearson's correlation of intensities, voxel by voxel.

    A linear change of brightness or contrast does not change it.
    """

    higher_is_better = True
    decimals = 4
    citation = "Lewis 1995, Fast normalized cross-correlation, eq. 2 without shift"
    full_name = "NCC"

    def compare(self, x: Values, y: Values) -> float:
        """Correlation from -1 to 1.

        Raises:
            MetricError: A volume is constant.
        """
        return correlation(x, y, "volume")


class HeadNCC(NCC, name="ncc-head"):
    """Normalised cross-correlation inside the source's head."""

    region = Region.HEAD
    mask = region.value
    parameters = MappingProxyType({**NCC.parameters, **HEAD})
