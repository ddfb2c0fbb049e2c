"""One raw scan: read and checked, with the position of the head."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from longibench.benchmark.preparation.arrays import Affine, Array, Box, Mask
from longibench.benchmark.preparation.reading.dicom import converted
from longibench.benchmark.preparation.reading.header import check_affine, check_header, check_scan
from longibench.benchmark.preparation.reading.nifti import check_room, float_values, read_nifti
from longibench.benchmark.preparation.reading.orientation import is_oriented, oriented
from longibench.benchmark.preparation.reading.problems import (
    CONSTANT,
    NO_HEAD,
    NO_ORIENTATION,
    NOT_3D,
    NOT_FINITE,
    TOO_SMALL,
    DamagedScanError,
    named_problems,
    refuse_absent,
)

SAME_MM = 1e-3  # affines that agree to this are one space
BACKGROUND_SHARE = 0.2  # of all voxels: a larger exact background was set by software
LARGEST_BRAIN_LITRES = 2.1  # a head with its skull is larger
COARSE_MM = 4.0  # resolution of the search for the head
SMALLEST_SIDE = 8  # voxels
SMALLEST_MM = 60.0  # an adult's brain is larger along every axis
ALIKE = 0.3  # correlation of neighbours COARSE_MM apart: a head has 0.8 and more, noise none


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
        """The exact value around a head that was cut out, or None if the air is noisy."""
        lowest = self.data.min()
        share = np.count_nonzero(self.data == lowest) / self.data.size
        return float(lowest) if share >= BACKGROUND_SHARE else None

    @cached_property
    def head(self) -> "Head":
        """The head in the scan."""
        steps = np.maximum(1, np.floor(COARSE_MM / self.voxel_mm)).astype(int)
        coarse = self.data[:: steps[0], :: steps[1], :: steps[2]]
        if self.background is not None:
            mask = largest_part(coarse > self.background)
        else:
            mask = _solid(coarse > _robust_threshold(coarse))
        if not mask.any() or (self.background is None and _neighbours(coarse) < ALIKE):
            raise DamagedScanError(NO_HEAD, "nothing differs from the background")
        litres = float(mask.sum() * np.prod(self.voxel_mm * steps) / 1e6)
        return Head(coarse[mask], world_box(mask, self.affine @ np.diag([*steps, 1.0])), litres)

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
    box: Box
    litres: float


def read_scan(path: Path, axes: str = "") -> Scan:
    """Read a NIfTI, any other 3D image that nibabel supports, or a folder of DICOM slices, in RAS.

    Args:
        path: The file or folder.
        axes: Orientation of files that have none, such as ``"ASL"``; empty refuses such files.

    Raises:
        DamagedScanError: The file is unreadable, cut off, not 3D, constant, has values that are
            not finite or not intensities, or has no orientation or two different ones.
    """
    with named_problems(), converted(path) as file:
        image = nib.squeeze_image(_load(file, axes))
        image = image if is_oriented(image) else _oriented(image, axes)
        check_affine(getattr(image, "affine", None))
        image = nib.as_closest_canonical(image)
        data = float_values(image)
    _check_data(data, image.affine)
    return Scan(data, image.affine)


def largest_part(mask: Mask) -> Mask:
    """The largest connected part."""
    labels, count = ndimage.label(mask)
    sizes = np.bincount(labels.ravel(), minlength=2)
    return labels == 1 + sizes[1:].argmax() if count else mask


def _oriented(image: Any, axes: str) -> Any:
    if not axes:
        raise DamagedScanError(
            NO_ORIENTATION,
            "its format cannot store it; set preparation.axes, such as ASL, if they are known",
        )
    return oriented(image, axes) if image.ndim == 3 else image


def _load(path: Path, axes: str) -> Any:
    refuse_absent(path)
    if path.name.lower().endswith((".nii", ".nii.gz")):
        image = read_nifti(path)
        check_scan(image.header, placed=not axes)
        return image
    image = nib.load(path)
    if isinstance(image, nib.Nifti1Pair):
        check_header(image.header)
        check_scan(image.header, placed=not axes)
    _check_room(image)
    return image


def _check_room(image: Any) -> None:
    """Refuse an image of another format that is larger than its file can be, if compressed."""
    held = Path(image.file_map["image"].filename).stat().st_size
    check_room(image.shape, prod(image.shape) * image.get_data_dtype().itemsize, held, packed=True)


def _check_data(data: Array, affine: Affine) -> None:
    if data.ndim != 3:
        raise DamagedScanError(NOT_3D, f"{data.ndim} dimensions {data.shape}; one volume is needed")
    extent = np.array(data.shape) * nib.affines.voxel_sizes(affine)
    if min(data.shape) < SMALLEST_SIDE or extent.min() < SMALLEST_MM:
        raise DamagedScanError(
            TOO_SMALL,
            f"{_by(data.shape)} voxels, {_by(extent)} mm; each side needs {SMALLEST_SIDE} voxels "
            f"and {SMALLEST_MM:g} mm",
        )
    if not np.isfinite(data).all():
        bad = int(data.size - np.count_nonzero(np.isfinite(data)))
        raise DamagedScanError(NOT_FINITE, f"{bad} values that are not finite")
    if data.min() == data.max():
        raise DamagedScanError(CONSTANT, f"{data.min():g} everywhere")


def _by(numbers: Sequence[float] | NDArray) -> str:
    return " x ".join(f"{number:.4g}" for number in numbers)


def _robust_threshold(data: Array) -> float:
    """A tenth of the way between the robust limits (Smith, Hum Brain Mapp 2002; BET, section 2)."""
    low, high = np.percentile(data, (2, 98))
    return float(low + 0.1 * (high - low))


def _neighbours(data: Array) -> float:
    """Correlation of adjacent voxels; 0 without variation."""
    first, second = data[1:].ravel().astype(float), data[:-1].ravel().astype(float)
    if first.std() == 0 or second.std() == 0:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])


def _solid(mask: Mask) -> Mask:
    """The largest connected part after removal of specks, its holes filled."""
    opened = ndimage.binary_opening(mask)
    return ndimage.binary_fill_holes(largest_part(opened if opened.any() else mask))


def world_box(mask: Mask, affine: Affine) -> Box:
    """Smallest and largest world coordinates of a mask, (2, 3) in mm."""
    corners = np.argwhere(mask)[:, :3]
    world = nib.affines.apply_affine(affine, corners)
    return np.stack([world.min(axis=0), world.max(axis=0)])
