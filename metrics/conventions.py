"""How a volume is presented to a feature extractor: the input conventions of published FIDs.

The same network gives different features, and therefore different distances, for the same volume
in [-1, 1], in [0, 1] or standardised. A metric's title names every convention except the default.
"""

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
from numpy.typing import NDArray

from longibench.metrics.scan import Scan, Volume
from longibench.metrics.weight_files import WeightsError

BACKGROUND = -1.0
POOLED_SIDE = 128  # voxels per side of the input of WDM's extractor
FULL_SIDE = 256


@dataclass(frozen=True)
class Convention:
    """One way to present volumes.

    Attributes:
        name: Its name in titles.
        present: From a scan to the network's input, (X, Y, Z) float32.
        real_differs: Whether real and generated volumes are presented differently.
    """

    name: str
    present: Callable[[Scan], Volume]
    real_differs: bool = False


def as_is(scan: Scan) -> Volume:
    """The voxels in [-1, 1], neither resized nor standardised.

    HA-GAN's evaluation (Sun et al. 2022, doi:10.1109/JBHI.2022.3172976) on volumes of 128^3 and
    256^3, with ``medicalnet:50``.
    """
    return np.asarray(scan.voxels, np.float32)


def wdm(scan: Scan) -> Volume:
    """The evaluation of WDM (Friedrich et al. 2024, arXiv:2402.19043), with ``medicalnet:50+23``.

    A real volume is clipped to its 0.1 and 99.9 percentiles, all voxels counted, and scaled to
    [0, 1] by its own minimum and maximum; a generated one is only mapped to [0, 1]. Then 256^3
    by zero padding, the odd voxel at the end, and 128^3 by averaging 2x2x2 voxels.

    The published FID therefore treats real and generated volumes differently: a copy of a real
    volume has other features than the volume itself, and a perfect method a distance above 0.

    Assumptions, because the published code supports only its own data: a volume of at most 128
    voxels per side has the pooled resolution already, like WDM's generated ones of 128^3, and is
    only padded to 128^3; a side above 256 is padded to an even number. "Real" volumes are those
    prepared for this benchmark, not raw scans.
    """
    voxels = np.asarray(scan.voxels, np.float64)
    unit = _unit_range(np.clip(voxels, *np.quantile(voxels, [0.001, 0.999])))
    if not scan.real:
        unit = (voxels - BACKGROUND) / 2
    pooled = max(scan.shape) <= POOLED_SIDE
    padded = _padded(unit, POOLED_SIDE if pooled else FULL_SIDE)
    return (padded if pooled else _averaged(padded)).astype(np.float32)


def z_score(scan: Scan) -> Volume:
    """Mean 0 and standard deviation 1 over the voxels above the background, which becomes 0.

    MedicalNet's training (Chen et al. 2019, arXiv:1904.00625) standardises this way, and fills the
    background with normal noise; here it is filled with the mean of the noise, so that features are
    deterministic. Nothing is resized. A volume of one intensity is 0 everywhere.
    """
    voxels = np.asarray(scan.voxels, np.float64)
    inside = voxels > BACKGROUND
    standard = np.zeros(voxels.shape, np.float32)
    if inside.any():
        centred = voxels[inside] - voxels[inside].mean()
        standard[inside] = centred / (centred.std() or 1)
    return standard


CONVENTIONS = {
    "as-is": Convention("as-is", as_is),
    "ha-gan": Convention("as-is", as_is),
    "wdm": Convention("wdm", wdm, real_differs=True),
    "z-score": Convention("z-score", z_score),
}


def find_convention(name: str) -> Convention:
    """A convention by name.

    Raises:
        WeightsError: There is none with that name.
    """
    if name in CONVENTIONS:
        return CONVENTIONS[name]
    near = get_close_matches(name, CONVENTIONS, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    raise WeightsError(
        f"input convention '{name}' is not known; {hint}available: {', '.join(CONVENTIONS)}"
    )


def _unit_range(volume: NDArray[np.float64]) -> NDArray[np.float64]:
    low, high = volume.min(), volume.max()
    return (volume - low) / ((high - low) or 1)


def _padded(volume: NDArray[np.float64], least: int) -> NDArray[np.float64]:
    """Pad with zeros to ``least`` and an even number of voxels per side, the volume centred."""
    missing = [max(least, side + side % 2) - side for side in volume.shape]
    return np.pad(volume, [(number // 2, number - number // 2) for number in missing])


def _averaged(volume: NDArray[np.float64]) -> NDArray[np.float64]:
    x, y, z = (side // 2 for side in volume.shape)
    return np.asarray(volume.reshape(x, 2, y, 2, z, 2).mean(axis=(1, 3, 5)))
