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
        apply: From a volume (X, Y, Z) in [-1, 1], a strength and a generator to the damaged
            volume; None if the anatomy itself is damaged before the image is taken.
        nothing: The strength that changes nothing.
    """

    name: str
    unit: str
    strengths: tuple[float, float, float, float]
    apply: Callable[[Values, float, Generator], Values] | None
    nothing: float = 0.0


def blur(volume: Values, sigma: float, _: Generator | None = None) -> Values:
    """Gaussian blur with a standard deviation in voxels."""
    return ndimage.gaussian_filter(volume, sigma)


def noise(volume: Values, share: float, rng: Generator) -> Values:
    """Gaussian noise inside the head, standard deviation as a share of the range."""
    added = 2 * share * rng.standard_normal(volume.shape, np.float32)
    return _inside(volume, volume + added)


def contrast(volume: Values, gamma: float, _: Generator | None = None) -> Values:
    """Intensities in [0, 1] to a power: grey matter darkens against white."""
    return _inside(volume, 2 * ((volume + 1) / 2).clip(0, 1) ** np.float32(gamma) - 1)


def checkerboard(volume: Values, share: float, _: Generator | None = None) -> Values:
    """Every second voxel brighter, the others darker, by a share of the range."""
    sign = np.where(np.indices(volume.shape).sum(axis=0) % 2, 1, -1).astype(np.float32)
    return _inside(volume, volume + 2 * np.float32(share) * sign)


def _inside(volume: Values, changed: Values) -> Values:
    return np.where(volume > BACKGROUND, changed.clip(-1, 1), volume).astype(np.float32)


DAMAGES = (
    Damage("blur", "sigma, voxels", (0.3, 0.5, 0.8, 1.2), blur),
    Damage("noise", "share of the range", (0.01, 0.02, 0.04, 0.08), noise),
    Damage("contrast", "gamma", (1.1, 1.25, 1.5, 2.0), contrast, 1.0),
    Damage("smaller ventricles", "share of the volume", (0.1, 0.2, 0.3, 0.4), None),
    Damage("checkerboard", "share of the range", (0.01, 0.02, 0.04, 0.08), checkerboard),
)
SHRINKAGE = next(damage for damage in DAMAGES if damage.apply is None)
