"""One scan as found on disk: read, checked, and its head found."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from zlib import error as ZlibError

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError
from numpy.typing import NDArray
from scipy import ndimage

SAME_MM = 1e-3  # affines that agree to this are one space
BACKGROUND_SHARE = 0.2  # of all voxels: an exact background at least so large was cut out
LARGEST_BRAIN_LITRES = 2.1  # a head with its skull takes more
COARSE_MM = 4.0  # resolution at which a head is looked for
SMALLEST_SIDE = 8  # voxels

Array = NDArray[np.float32]
Affine = NDArray[np.float64]


class DamagedScanError(Exception):
    """Why a file is not a usable scan."""


@dataclass(frozen=True)
class Scan:
    """A 3D volume in RAS order.

    Attributes:
        data: Intensities (X, Y, Z).
        affine: Voxel indices to world mm, (4, 4).
    """

    data: Array
    affine: Affine

    @cached_property
    def voxel_mm(self) -> Array:
        """Voxel size along each axis, (3,)."""
        return nib.affines.voxel_sizes(self.affine)

    @cached_property
    def background(self) -> float | None:
        """The exact value around a head that was cut out, or None where air is noisy."""
        lowest = self.data.min()
        share = np.count_nonzero(self.data == lowest) / self.data.size
        return float(lowest) if share >= BACKGROUND_SHARE else None

    @cached_property
    def head(self) -> "Head":
        """Where the head is."""
        steps = np.maximum(1, np.floor(COARSE_MM / self.voxel_mm)).astype(int)
        coarse = self.data[:: steps[0], :: steps[1], :: steps[2]]
        if self.background is not None:
            mask = _largest(coarse > self.background)
        else:
            mask = _solid(coarse > _robust_threshold(coarse))
        if not mask.any():
            raise DamagedScanError("no head stands out from the background")
        litres = float(mask.sum() * np.prod(self.voxel_mm * steps) / 1e6)
        return Head(coarse[mask], _box(mask, self.affine @ np.diag([*steps, 1.0])), litres)

    @property
    def skull_stripped(self) -> bool:
        """Whether only the brain is left."""
        return self.background is not None and self.head.litres < LARGEST_BRAIN_LITRES

    def shares_space(self, other: "Scan") -> bool:
        """Whether both have the same matrix and affine."""
        return self.data.shape == other.data.shape and np.allclose(
            self.affine, other.affine, rtol=0, atol=SAME_MM
        )


@dataclass(frozen=True)
class Head:
    """The head in a scan.

    Attributes:
        values: Intensities of a regular sample of its voxels, (N,).
        box: Its smallest and largest world coordinates, (2, 3) in mm.
        litres: Its volume.
    """

    values: Array
    box: Affine
    litres: float


def read_scan(path: Path) -> Scan:
    """Read a NIfTI or any other 3D image that nibabel knows, in RAS order.

    Raises:
        DamagedScanError: The file is unreadable, cut off, not 3D, constant, holds values that are
            not finite, or does not say where its voxels lie.
    """
    try:
        found = nib.squeeze_image(nib.load(path))
        _check_affine(getattr(found, "affine", None))
        image = nib.as_closest_canonical(found)
        data = np.asarray(image.dataobj, dtype=np.float32)
    except (OSError, EOFError, ValueError, ZlibError, ImageFileError) as error:
        raise DamagedScanError(f"cannot be read: {str(error).splitlines()[0]}") from error
    _check_data(data)
    return Scan(data, image.affine)


def _check_affine(affine: Affine | None) -> None:
    if affine is None or not np.isfinite(affine).all() or abs(np.linalg.det(affine)) < 1e-6:
        raise DamagedScanError(
            "its affine is not invertible; the header does not say where it lies"
        )


def _check_data(data: Array) -> None:
    if data.ndim != 3:
        raise DamagedScanError(f"has {data.ndim} dimensions {data.shape}; one 3D volume is needed")
    if min(data.shape) < SMALLEST_SIDE:
        raise DamagedScanError(f"is {data.shape} voxels; each side needs {SMALLEST_SIDE}")
    if not np.isfinite(data).all():
        bad = int(data.size - np.count_nonzero(np.isfinite(data)))
        raise DamagedScanError(f"holds {bad} values that are not finite")
    if data.min() == data.max():
        raise DamagedScanError(f"is constant ({data.min():g} everywhere)")


def _robust_threshold(data: Array) -> float:
    """A tenth of the way between the robust limits (Smith, Hum Brain Mapp 2002; BET, section 2)."""
    low, high = np.percentile(data, (2, 98))
    return float(low + 0.1 * (high - low))


def _largest(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest connected part."""
    labels, count = ndimage.label(mask)
    sizes = np.bincount(labels.ravel(), minlength=2)
    return labels == 1 + sizes[1:].argmax() if count else mask


def _solid(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest connected part once specks are removed, its holes filled."""
    opened = ndimage.binary_opening(mask)
    return ndimage.binary_fill_holes(_largest(opened if opened.any() else mask))


def _box(mask: NDArray[np.bool_], affine: Affine) -> Affine:
    corners = np.argwhere(mask)[:, :3]
    world = nib.affines.apply_affine(affine, corners)
    return np.stack([world.min(axis=0), world.max(axis=0)])
