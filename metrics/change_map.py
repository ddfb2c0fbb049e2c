"""Maps of change since the first visit: is the generated one similar to the true one?"""

from types import MappingProxyType

import numpy as np
from scipy import ndimage

from longibench.metrics.correlation import correlation
from longibench.metrics.masks import HEAD, Region, source_mask
from longibench.metrics.metric import MetricError, PairMetric, Scan
from longibench.metrics.pairs import Values, derive_with, same_shape, unit_range

SIGMA_MM = 2.0  # a full width at half maximum of 4.7 mm
THRESHOLD = 0.02  # of the range of intensities


class ChangeCorrelation(PairMetric, name="change-correlation"):
    """Correlation of generated with true change, voxel by voxel in the source's head.

    Both changes are smoothed first, because unsmoothed ones are mostly noise. It does not depend on
    the size of the generated change, only on its location. A copy has no change and therefore no
    correlation. Both changes contain the source's noise, so that removing it correlates without any
    change.
    """

    family = "change"
    higher_is_better = True
    citation = "this suite: Pearson's correlation of difference images"

    parameters = MappingProxyType({"sigma_mm": SIGMA_MM, **HEAD})
    mask = Region.HEAD.value

    @property
    def title(self) -> str:
        """Name with the smoothing and the mask."""
        return f"Correlation of change maps [sigma = {SIGMA_MM:g} mm, source's head]"

    def __call__(
        self, *, generated: Scan, reference: Scan, source: Scan, interval_years: float
    ) -> float:
        """Score one generated volume.

        Raises:
            MetricError: The shapes differ, no head is found, or a change is constant.
        """
        made, true = change_map(generated, source), change_map(reference, source)
        return correlation(made, true, "change since the source")


class ChangeSign(PairMetric, name="change-sign"):
    """Share of voxels with the true sign of change, where the true change is large.

    Over the source's head, where the smoothed true change exceeds 2 % of the range of intensities;
    the mean of the share among voxels that brighten and the share among those that darken, so that
    darkening everything is not rewarded; without large changes of both signs there is no value.
    Random signs score 0.5. No change is no agreement: a copy scores 0. Both changes contain the
    source's noise: where it is large, removing it without any change has the true sign more often
    than half of the true change.
    """

    family = "change"
    higher_is_better = True
    citation = "this suite; balanced as in Brodersen et al. 2010, doi:10.1109/ICPR.2010.764"

    parameters = MappingProxyType(
        {"sigma_mm": SIGMA_MM, "threshold": THRESHOLD, "needs": "both signs", **HEAD}
    )
    mask = Region.HEAD.value

    @property
    def title(self) -> str:
        """Name with the smoothing, the threshold and the mask."""
        return (
            f"Sign of change [sigma = {SIGMA_MM:g} mm, where the true change exceeds {THRESHOLD:g} "
            "of the range, mean of both signs, source's head]"
        )

    def __call__(
        self, *, generated: Scan, reference: Scan, source: Scan, interval_years: float
    ) -> float:
        """Score one generated volume.

        Raises:
            MetricError: The shapes differ, no head is found, or the large true changes have not
                both signs, so that one sign everywhere would be right.
        """
        made, true = change_map(generated, source), change_map(reference, source)
        brighter, darker = true > THRESHOLD, true < -THRESHOLD
        if not (brighter.any() and darker.any()):
            raise MetricError(
                f"the true changes that exceed {THRESHOLD:g} of the range of intensities have not "
                "both signs"
            )
        agrees = np.sign(made) == np.sign(true)
        return float(np.mean([agrees[side].mean() for side in (brighter, darker)]))


def change_map(scan: Scan, source: Scan) -> Values:
    """Smoothed difference to the source, (n,) in the source's head, on intensities in [0, 1].

    Raises:
        MetricError: The shapes differ, or no head is found in the source.
    """
    same_shape(scan, source)

    def compute(scan: Scan, source: Scan) -> Values:
        difference = unit_range(scan) - unit_range(source)
        sigmas = [SIGMA_MM / size for size in source.spacing_mm]
        smooth: Values = ndimage.gaussian_filter(difference, sigmas)
        return smooth[source_mask(source)]

    return derive_with(scan, source, "change map", compute)
