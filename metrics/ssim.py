"""Structural similarity (Wang, Bovik, Sheikh, Simoncelli 2004), in 3D with Wang's settings."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from metrics.masks import source_mask
from metrics.metric import MetricError, PairMetric, Scan, Volume

SIGMA = 1.5
RADIUS = 5  # 11 taps
C1 = 0.01**2  # (K1 L)^2 with L = 1
C2 = 0.03**2  # (K2 L)^2

WANG = "Wang, Bovik, Sheikh, Simoncelli 2004, IEEE TIP 13(4):600, doi:10.1109/TIP.2003.819861"


class SSIM(PairMetric, name="ssim"):
    """Mean over all window positions that lie fully inside the volume, background included."""

    higher_is_better = True
    decimals = 4
    source = WANG

    @property
    def title(self) -> str:
        """Name with window and mask."""
        return "SSIM [Wang, whole volume]"

    def __call__(
        self, *, generated: Scan, reference: Scan, source: Scan, interval_years: float
    ) -> float:
        """Score one generated volume; the source is not used.

        Raises:
            MetricError: The shapes differ, or a side is shorter than the window.
        """
        inside = slice(RADIUS, -RADIUS)
        return float(ssim_map(generated.voxels, reference.voxels)[inside, inside, inside].mean())


class HeadSSIM(PairMetric, name="ssim-head"):
    """Mean over the windows centred in the source's head; the empty background has no say.

    At the volume's border the windows see it mirrored, as in scikit-image, so that a head which
    fills the field of view is scored whole.
    """

    higher_is_better = True
    decimals = 4
    source = WANG

    @property
    def title(self) -> str:
        """Name with window and mask."""
        return "SSIM [Wang, source's head]"

    def __call__(
        self, *, generated: Scan, reference: Scan, source: Scan, interval_years: float
    ) -> float:
        """Score one generated volume inside the head mask of the source.

        Raises:
            MetricError: The shapes differ, a side is shorter than the window, or no head is found.
        """
        _check(source.voxels, reference.voxels)
        similarity = ssim_map(generated.voxels, reference.voxels)
        return float(similarity[source_mask(source)].mean())


def ssim_map(generated: Volume, reference: Volume) -> NDArray[np.float64]:
    """Compute the similarity at each voxel (Wang et al. 2004, eq. 13 to 16).

    Gaussian window of 11 taps with sigma 1.5, K1 = 0.01, K2 = 0.03, weighted population moments,
    in float64, on intensities mapped to [0, 1] with L = 1. The map to [0, 1] matters: C1 makes
    the index depend on where zero lies, so [-1, 1] with L = 2 would give another value.

    Args:
        generated: (X, Y, Z) in [-1, 1].
        reference: Same shape and range.

    Returns:
        The index at each voxel, (X, Y, Z), at most 1; windows over the border are mirrored.

    Raises:
        MetricError: The shapes differ, or a side is shorter than the window.
    """
    _check(generated, reference)
    x, y = _unit_range(generated), _unit_range(reference)
    mean_x, mean_y = _smooth(x), _smooth(y)
    product, squares = mean_x * mean_y, mean_x**2 + mean_y**2
    covariance = _smooth(x * y) - product
    variances = _smooth(x**2 + y**2) - squares  # both at once saves a filter
    similarity: NDArray[np.float64] = (2 * product + C1) * (2 * covariance + C2)
    similarity /= (squares + C1) * (variances + C2)
    return similarity


def _unit_range(volume: Volume) -> NDArray[np.float64]:
    return (volume.astype(np.float64) + 1) / 2


def _smooth(volume: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(ndimage.gaussian_filter(volume, SIGMA, radius=RADIUS))


def _check(volume: Volume, reference: Volume) -> None:
    if volume.shape != reference.shape:
        raise MetricError(f"shapes differ: {volume.shape} and {reference.shape} of the reference")
    if min(volume.shape) <= 2 * RADIUS:
        raise MetricError(
            f"SSIM's window has {2 * RADIUS + 1} voxels a side; a volume of {volume.shape} is "
            "too small for it"
        )
