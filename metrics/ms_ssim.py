"""Multi-scale structural similarity (Wang, Simoncelli, Bovik 2003)."""

from types import MappingProxyType

import numpy as np

from longibench.metrics.masks import Region
from longibench.metrics.metric import MetricError, PairMetric, Scan
from longibench.metrics.pairs import Values, same_shape, unit_range
from longibench.metrics.windows import K1, K2, compare, gaussian

WINDOW = gaussian(7, sigma=1.5)
WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # Wang et al. 2003, section 3


class MultiScaleSSIM(PairMetric, name="ms-ssim"):
    """Contrast and structure on scales each half as fine, luminance on the coarsest.

    Five scales with Wang's window of 11 voxels need 176 voxels per side. A window of 7, as in WDM
    (Friedrich et al. 2024, arXiv:2402.19043), fits five scales into 112. A smaller volume gets as
    many scales as fit, the first of the five weights divided by their sum; fewer than two would not
    be multi-scale. With the same window for all volumes only the number of scales changes with the
    size. Values equal those of MONAI's ``MultiScaleSSIMMetric`` with these settings.

    There is no version inside the head: a window on the fifth scale is 112 voxels wide and covers
    all of it, so that a mask would not exclude the background.
    """

    higher_is_better = True
    decimals = 4
    citation = "Wang, Simoncelli, Bovik 2003, Asilomar, doi:10.1109/ACSSC.2003.1292216, eq. 7"

    parameters = MappingProxyType(
        {
            "window": WINDOW.name,
            "weights": list(WEIGHTS),
            "scales": "as fit: side / (scales - 1)^2 and side / 2^(scales - 1) hold the window",
            "k1": K1,
            "k2": K2,
            "range": 1,
        }
    )
    mask = Region.WHOLE.value

    @property
    def title(self) -> str:
        """Name with the window and the rule for the scales."""
        return (
            "MS-SSIM [Gaussian 7³ window, 5 scales; 4 below 112 voxels a side, 3 below 63, "
            "2 below 28; whole volume]"
        )

    def __call__(
        self, *, generated: Scan, reference: Scan, source: Scan, interval_years: float
    ) -> float:
        """Score one generated volume; the source is not used.

        Raises:
            MetricError: The shapes differ, or a side is too short for two scales.
        """
        same_shape(generated, reference)
        count = scales(generated.shape)
        if count < 2:
            raise MetricError(
                f"MS-SSIM needs at least 14 voxels per side for two scales; a volume of "
                f"{generated.shape} is too small"
            )
        return multi_scale_ssim(unit_range(generated), unit_range(reference), count)


def scales(shape: tuple[int, ...]) -> int:
    """How many scales fit a volume, from 0 to 5.

    MONAI requires that a side divided by (scales - 1)^2 is no shorter than the window; on the
    coarsest scale the window must fit as well.
    """
    side, taps = min(shape), len(WINDOW.weights)
    fitting = (
        count
        for count in range(len(WEIGHTS), 0, -1)
        if side // max(1, count - 1) ** 2 >= taps and side // 2 ** (count - 1) >= taps
    )
    return next(fitting, 0)


def multi_scale_ssim(x: Values, y: Values, count: int) -> float:
    """Wang et al. 2003, eq. 7, with means over the windows fully inside, negative ones raised to 0.

    Args:
        x: (X, Y, Z) in [0, 1].
        y: Same shape and range.
        count: Scales, as many as fit.
    """
    weights = np.array(WEIGHTS[:count]) / sum(WEIGHTS[:count])
    means = []
    for scale in range(count):
        terms = np.empty(x.shape)
        for planes, luminance, contrast in compare(x, y, WINDOW):
            terms[planes] = luminance * contrast if scale == count - 1 else contrast
        means.append(WINDOW.inside(terms).mean())
        x, y = _halve(x), _halve(y)
    return float(np.prod(np.maximum(means, 0) ** weights))


def _halve(volume: Values) -> Values:
    """Means of 2 x 2 x 2 voxels; an odd last plane is omitted."""
    for axis, size in enumerate(volume.shape):
        pairs = np.moveaxis(volume, axis, 0)[: size // 2 * 2]
        volume = np.moveaxis((pairs[::2] + pairs[1::2]) / 2, 0, axis)
    return np.ascontiguousarray(volume)
