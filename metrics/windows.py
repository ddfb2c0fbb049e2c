"""Local comparison of two volumes with a sliding window: the basis of every kind of SSIM."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from longibench.metrics.metric import MetricError
from longibench.metrics.pairs import Values

K1, K2 = 0.01, 0.03
C1 = K1**2  # (K1 L)^2 with L = 1
C2 = K2**2  # (K2 L)^2
SLAB = 16  # planes filtered at once: few enough for the processor's cache


@dataclass(frozen=True)
class Window:
    """A separable window with the same weights along each axis.

    Attributes:
        name: What it is, for a metric's definition.
        weights: Odd in number, summing to 1.
        covariance_factor: n / (n - 1) for sample covariances, 1 for population covariances.
    """

    name: str
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
        """Check that the window fits into a volume.

        Raises:
            MetricError: A side is shorter than the window.
        """
        if min(shape) < len(self.weights):
            raise MetricError(
                f"the window has {len(self.weights)} voxels per side; a volume of {shape} is too "
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
    """A Gaussian window of ``size`` voxels per side, sampled and normalised to sum to 1."""
    distances = np.arange(size) - size // 2
    weights = np.exp(-(distances**2) / (2 * sigma**2))
    name = f"Gaussian, {size} voxels, sigma {sigma:g}"
    return Window(name, tuple((weights / weights.sum()).tolist()))


def compare(x: Values, y: Values, window: Window) -> Iterator[tuple[slice, Values, Values]]:
    """Compare two volumes at each voxel (Wang et al. 2004, eq. 6, 9 and 10 with C3 = C2 / 2).

    Filtering along an axis is a product with a band matrix, which is faster than a sliding window.
    Both squares are filtered as their sum, because only the sum is needed. Float64 throughout: in
    float32 the difference of mean square and squared mean has an error of 4e-5.

    Args:
        x: (X, Y, Z) in [0, 1].
        y: Same shape and range; the comparison is symmetric.
        window: The weights of the voxels around each; it must fit into the volume.

    Yields:
        Some planes across the first axis; for them the luminance term, and the product of contrast
        and structure term, each (planes, Y, Z) and at most 1. Their product is the SSIM (eq. 13).
    """
    matrices = [window.matrix(size) for size in x.shape]
    for start in range(0, len(x), SLAB):
        planes = slice(start, min(start + SLAB, len(x)))
        seen = slice(max(0, planes.start - window.radius), planes.stop + window.radius)
        a, b = x[seen], y[seen]
        products = np.stack([a, b, a * b, a**2 + b**2])
        moments = _filtered(products, matrices[0][planes, seen], *matrices[1:])
        yield planes, *_terms(moments, window.covariance_factor)


def _filtered(stack: Values, along_x: Values, along_y: Values, along_z: Values) -> Values:
    """Apply a matrix along each axis except the first of (4, X, Y, Z)."""
    count, planes, height, width = stack.shape
    stack = along_x @ stack.reshape(count, planes, height * width)
    stack = along_y @ stack.reshape(-1, height, width)
    return (stack.reshape(-1, width) @ along_z.T).reshape(count, -1, height, width)


def _terms(moments: Values, covariance_factor: float) -> tuple[Values, Values]:
    """Luminance, and contrast times structure, from local means (4, planes, Y, Z)."""
    mean_x, mean_y, mean_xy, mean_squares = moments
    product, squares = mean_x * mean_y, mean_x**2 + mean_y**2
    covariance = covariance_factor * (mean_xy - product)
    variances = covariance_factor * (mean_squares - squares)
    luminance = (2 * product + C1) / (squares + C1)
    return luminance, (2 * covariance + C2) / (variances + C2)
