"""Intensities of skull and scalp from distances to the cavity and to the skin."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage

from longibench.benchmark.cohorts.phantom.person import normal
from longibench.benchmark.cohorts.phantom.template import FWHM_TO_SIGMA

SKULL_MM = (6.5, 0.7)  # thickness: mean and standard deviation between participants
FAT_MM = (4.0, 0.7)
GAP_MM = 0.6  # of fluid between the highest gyri and the bone
TABLE = 0.25  # share of the skull that is the compact inner table, and the same for the outer one
SKIN_MM = 1.6
# Signal; the template's white matter has 0.87.
COMPACT, MARROW, FAT, SKIN = 0.06, 0.5, 1.4, 0.5
STEP_MM = 0.1  # of the tables

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Thickness:
    """One participant's thicknesses, mm: skull from the inner to the outer table, and fat."""

    skull: float
    fat: float


def sample_thickness(rng: Generator) -> Thickness:
    """Sample a participant's thicknesses."""
    skull, fat = (mean + spread * normal(rng) for mean, spread in (SKULL_MM, FAT_MM))
    return Thickness(skull, fat)


class Layers:
    """Signal around the brain at a resolution, for one participant.

    A layer is blurred only across its thickness; along it the signal is constant.
    """

    def __init__(self, thickness: Thickness, fwhm_mm: float) -> None:
        """Args: the participant's thicknesses, and the resolution."""
        compact, marrow = TABLE * thickness.skull, (1 - 2 * TABLE) * thickness.skull
        self._bone = _Table(
            [(GAP_MM, None), (compact, COMPACT), (marrow, MARROW), (compact, COMPACT)], fwhm_mm
        )
        self._scalp = _Table([(SKIN_MM, SKIN), (thickness.fat, FAT)], fwhm_mm, before=0.0)

    def signal(self, outward: Values, depth: Values, filling: Values) -> Values:
        """Signal at points with given distances (mm) and filling; arrays of one shape."""
        inner = self._bone.over(filling, outward)
        return self._scalp.over(inner, depth)


class _Table:
    """Layers along a distance: what they add, and the share of the signal below that they keep."""

    def __init__(
        self, layers: list[tuple[float, float | None]], fwhm_mm: float, before: float | None = None
    ) -> None:
        """Build the tables.

        Args:
            layers: Thickness in mm and signal of each, from distance 0 on; None is transparent.
            fwhm_mm: The resolution.
            before: Signal before distance 0.
        """
        thickness, signals = zip(*layers, strict=True)
        edges = np.cumsum([0.0, *thickness])
        reach = 2 * fwhm_mm + STEP_MM
        self._distance = np.arange(-reach, edges[-1] + reach, STEP_MM)
        values = np.array([np.nan if s is None else s for s in (before, *signals, None)])
        sharp = values[np.searchsorted(edges, self._distance, side="right")]
        sigma = fwhm_mm * FWHM_TO_SIGMA / STEP_MM
        self._left = ndimage.gaussian_filter1d(np.isnan(sharp).astype(float), sigma)
        self._added = ndimage.gaussian_filter1d(np.nan_to_num(sharp), sigma)

    def over(self, below: Values, distance: Values) -> Values:
        """Lay the layers over what is below."""
        left = np.interp(distance, self._distance, self._left)
        return np.interp(distance, self._distance, self._added) + left * below
