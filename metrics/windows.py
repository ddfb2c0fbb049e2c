"""Local comparison of two volumes under a sliding window: what every kind of SSIM is made of."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metrics.metric import MetricError
from metrics.pairs import Values

C1 = 0.01**2  # (K1 L)^2 with L = 1
C2 = 0.03**2  # (K2 L)^2
SLAB = 16  # planes filtered at once: few enough for the processor's cache


@dataclass(frozen=True)
class Window:
    """A separable window with the same weights along each axis.

    Attributes:
        weights: Odd in number, summing to 1.
        covariance_factor: n / (n - 1) for sample covariances, 1 for population covariances.
    """

    weights: tuple[float, ...]
    covariance_factor: float = 1.0

    @property
    def radius(self) -> int:
        """Voxels on each side of the centre."""
        return len(self.weights) // 2

    def inside(self, values: Values) -> Values:
        """The part of a map (X, Y, Z) whose windows lie fully inside the volume."""
        inner = slice(self.radius, -self.radius)
        return values[inner, inner, inner]

    def check(self, shape: tuple[int, ...]) -> None:
        """Hold that the window fits into a volume.

        Raises:
            MetricError: A side is shorter than the window.
        """
        if min(shape) < len(self.weights):
            raise MetricError(
                f"the window has {len(self.weights)} voxels a side; a volume of {shape} is too "
                "small for it"
            )

    def matrix(self, size: int) -> Values:
        """The filter along an axis as a matrix (size, size); the border is mirrored."""
        positions = np.arange(size)[:, None] + np.arange(-self.radius, self.radius + 1)
        mirrored = np.where(positions < 0, -1 - positions, positions)
        mirrored = np.where(positions >= size, 2 * size - 1 - positions, mirrored)
        matrix = np.zeros((size, size))
        np.add.at(matrix, (np.arange(size)[:, None], mirrored), self.weights)
        return matrix


def gaussian(size: int, sigma: float) -> Window:
    """A Gaussian window of ``size`` voxels a side, sampled and made to sum to 1."""
    distances = np.arange(size) - size // 2
    weights = np.exp(-(distances**2) / (2 * sigma**2))
    return Window(tuple((weights / weights.sum()).tolist()))


def compare(x: Values, y: Values, window: Window) -> tuple[Values, Values]:
    """Compare two volumes at each voxel (Wang et al. 2004, eq. 6, 9 and 10 with C3 = C2 / 2).

    Filtering along an axis is a product with a band matrix, which processors do faster than
    sliding a window. Both squares are filtered as their sum, for only the sum is needed. Float64
    throughout: in float32 the difference of mean square and squared mean is off by 4e-5.

    Args:
        x: (X, Y, Z) in [0, 1].
        y: Same shape and range; both serve alike.
        window: What weighs the voxels around each; it must fit into the volume.

    Returns:
        Luminance term, and the product of contrast and structure term, each (X, Y, Z) and at most
        1. Their product is the SSIM (eq. 13).
    """
    matrices = [window.matrix(size) for size in x.shape]
    luminance, contrast = np.empty(x.shape), np.empty(x.shape)
    for start in range(0, len(x), SLAB):
        planes = slice(start, start + SLAB)
        mean_x, mean_y, mean_xy, mean_squares = _moments(x, y, matrices, planes, window.radius)
        product, squares = mean_x * mean_y, mean_x**2 + mean_y**2
        covariance = window.covariance_factor * (mean_xy - product)
        variances = window.covariance_factor * (mean_squares - squares)
        luminance[planes] = (2 * product + C1) / (squares + C1)
        contrast[planes] = (2 * covariance + C2) / (variances + C2)
    return luminance, contrast


def _moments(
    x: Values, y: Values, matrices: list[Values], planes: slice, radius: int
) -> NDArray[np.float64]:
    """Weighted local means of x, y, xy and x^2 + y^2 in some planes, (4, planes, Y, Z)."""
    along_x, along_y, along_z = matrices
    seen = slice(max(0, planes.start - radius), planes.stop + radius)
    a, b = x[seen], y[seen]
    stack = np.stack([a, b, a * b, a**2 + b**2])
    _, depth, height, width = stack.shape
    stack = along_x[planes, seen] @ stack.reshape(4, depth, height * width)
    stack = along_y @ stack.reshape(4, -1, height, width)
    return stack @ along_z.T
