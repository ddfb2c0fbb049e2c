"""How much fine detail a generated volume has compared with the real one."""

from types import MappingProxyType

import numpy as np
from scipy import ndimage

from longibench.metrics.masks import HEAD, Mask, Region, source_mask
from longibench.metrics.metric import MetricError, PairMetric, Scan
from longibench.metrics.pairs import same_shape, unit_range

SIGMA = 1.0  # voxels


class Sharpness(PairMetric, name="sharpness"):
    """Energy of fine detail in the source's head, generated over real, in dB.

    Below 0 the generated volume is blurred, above it noisy or over-sharp; SSIM and PSNR reward
    blurring. Detail is what a Gaussian of one voxel removes, without the edge of the head.
    """

    higher_is_better = False
    best = 0.0
    unit = "dB"
    decimals = 2
    citation = (
        "this suite: 10 log10 of the ratio of high-pass energies; high-pass as in unsharp masking"
    )

    parameters = MappingProxyType({"sigma_voxels": SIGMA, **HEAD})
    mask = Region.HEAD.value

    @property
    def title(self) -> str:
        """Name with the filter and the mask."""
        return "Sharpness [detail finer than a Gaussian with sigma = 1 voxel, source's head]"

    def __call__(
        self, *, generated: Scan, reference: Scan, source: Scan, interval_years: float
    ) -> float:
        """Score one generated volume.

        Raises:
            MetricError: The shapes differ, no head is found in the source, or a volume has no
                detail at all.
        """
        same_shape(generated, reference, source)
        mask = source_mask(source)
        energies = [detail_energy(scan, mask) for scan in (generated, reference)]
        for energy, whose in zip(energies, ("generated", "real"), strict=True):
            if energy < 1e-14:  # (1e-7)^2: rounding of float32
                raise MetricError(f"no detail to compare: the {whose} volume is flat")
        return float(10 * np.log10(energies[0] / energies[1]))


def detail_energy(scan: Scan, mask: Mask) -> float:
    """Mean square of what a Gaussian removes inside a mask (X, Y, Z), on [0, 1].

    The Gaussian uses only voxels in the mask (normalised convolution, Knutsson and Westin 1993),
    so that the step from head to background does not count as detail.
    """
    inside = unit_range(scan) * mask
    smooth, weight = (
        ndimage.gaussian_filter(values, SIGMA, mode="constant")[mask]
        for values in (inside, mask.astype(np.float64))
    )
    return float(np.mean((inside[mask] - smooth / weight) ** 2))
