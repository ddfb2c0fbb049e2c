"""Structural similarity (Wang, Bovik, Sheikh, Simoncelli 2004), in 3D with Wang's settings."""

from types import MappingProxyType
from typing import ClassVar

import numpy as np

from longibench.metrics.masks import HEAD, Region
from longibench.metrics.metric import PairMetric, Scan
from longibench.metrics.pairs import Values, derive_with, same_shape, unit_range
from longibench.metrics.windows import K1, K2, Window, compare, gaussian

WANG = gaussian(11, sigma=1.5)


class SSIM(PairMetric, name="ssim"):
    """Mean over all window positions that lie fully inside the volume, background included.

    Gaussian window of 11 taps with sigma 1.5, K1 = 0.01, K2 = 0.03, weighted population moments,
    on intensities mapped to [0, 1] with L = 1. The map to [0, 1] matters: C1 makes the index
    depend on the position of zero, so [-1, 1] with L = 2 would give another value.
    """

    higher_is_better = True
    decimals = 4
    citation = (
        "Wang, Bovik, Sheikh, Simoncelli 2004, IEEE TIP 13(4):600, doi:10.1109/TIP.2003.819861"
    )
    window: ClassVar[Window] = WANG
    window_title: ClassVar[str] = "Wang"
    parameters = MappingProxyType({"window": WANG.name, "k1": K1, "k2": K2, "range": 1})
    region: ClassVar[Region] = Region.WHOLE
    mask: ClassVar[str] = region.value

    @property
    def title(self) -> str:
        """Name with window and mask."""
        return f"SSIM [{self.window_title}, {self.region.value}]"

    def __call__(
        self, *, generated: Scan, reference: Scan, source: Scan, interval_years: float
    ) -> float:
        """Score one generated volume.

        Raises:
            MetricError: The shapes differ, a side is shorter than the window, or the source's head
                is needed and not found.
        """
        same_shape(generated, reference, source)
        similarity = ssim_map(generated, reference, self.window)
        if self.region is Region.WHOLE:
            return float(self.window.inside(similarity).mean())
        return float(self.region.of(similarity, source).mean())


class HeadSSIM(SSIM, name="ssim-head"):
    """Mean over the windows centred in the source's head; the empty background does not count.

    At the volume's border it is mirrored, as in scikit-image, so that a head that fills the field
    of view is scored as a whole.
    """

    region = Region.HEAD
    mask = region.value
    parameters = MappingProxyType({**SSIM.parameters, **HEAD})


def ssim_map(generated: Scan, reference: Scan, window: Window = WANG) -> Values:
    """The similarity at each voxel (Wang et al. 2004, eq. 13), computed once per pair and window.

    Args:
        generated: Volume (X, Y, Z) in [-1, 1].
        reference: Same shape and range.
        window: The weights of the voxels around each.

    Returns:
        The index at each voxel, (X, Y, Z), at most 1; the border is mirrored.

    Raises:
        MetricError: The shapes differ, or a side is shorter than the window.
    """
    same_shape(generated, reference)
    window.check(generated.shape)

    def compute(generated: Scan, reference: Scan) -> Values:
        similarity = np.empty(generated.shape)
        slabs = compare(unit_range(generated), unit_range(reference), window)
        for planes, luminance, contrast in slabs:
            similarity[planes] = luminance * contrast
        return similarity

    return derive_with(generated, reference, ("ssim", window), compute)
