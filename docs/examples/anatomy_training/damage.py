"""Five ways to damage a follow-up, each at four interpretable strengths."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage

Values = NDArray[np.float32]

BACKGROUND = -1.0


@dataclass(frozen=True)
class Damage:
    """A kind of damage.

    Attributes:
        name: Its name.
        unit: Unit of its strengths.
        strengths: Four strengths, ascending.
        apply: From a volume (X, Y, Z) in [-1, 1] and a strength to the damaged volume; None if
            the anatomy itself is damaged before the image is taken.
        nothing: The strength that changes nothing.
    """

    name: str
    unit: str
    strengths: tuple[float, float, float, float]
    apply: Callable[[Values, float], Values] | None
    nothing: float = 0.0


def blur(volume: Values, sigma: float) -> Values:
    """Gaussian blur with a standard deviation in voxels."""
    return ndimage.gaussian_filter(volume, sigma)


def noise(volume: Values, share: float, rng: Generator | None = None) -> Values:
    """Gaussian noise inside the head, standard deviation as a share of the range."""
    rng = rng or np.random.default_rng(0)
    added = 2 * share * rng.standard_normal(volume.shape, np.float32)
    return _inside(volume, volume + added)


def contrast(volume: Values, gamma: float) -> Values:
    """Intensities in [0, 1] to a power: grey matter darkens against white."""
    return _inside(volume, 2 * ((volume + 1) / 2).clip(0, 1) ** np.float32(gamma) - 1)


def checkerboard(volume: Values, share: float) -> Values:
    """Every second voxel brighter, the others darker, by a share of the range."""
    sign = np.where(np.indices(volume.shape).sum(axis=0) % 2, 1, -1).astype(np.float32)
    return _inside(volume, volume + 2 * np.float32(share) * sign)


def _inside(volume: Values, changed: Values) -> Values:
    return np.where(volume > BACKGROUND, changed.clip(-1, 1), volume).astype(np.float32)


DAMAGES = (
    Damage("blur", "sigma, voxels", (0.4, 0.6, 0.9, 1.3), blur),
    Damage("noise", "share of the range", (0.01, 0.02, 0.04, 0.08), noise),
    Damage("ventricle shrinkage", "share of the volume", (0.1, 0.2, 0.3, 0.4), None),
    Damage("wrong contrast", "gamma", (1.1, 1.25, 1.5, 2.0), contrast, 1.0),
    Damage("checkerboard", "share of the range", (0.01, 0.02, 0.04, 0.08), checkerboard),
)
