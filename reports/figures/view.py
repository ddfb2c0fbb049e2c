"""From volumes to images: one slice and one window, chosen by rule from real scans only."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from longibench.benchmark.core.checked_files import require_intact
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.folder_digests import DamagedFileError
from longibench.benchmark.preparation.reading.nifti import float_values
from longibench.benchmark.preparation.reading.problems import DamagedScanError
from longibench.benchmark.preparation.store.volumes import load_nifti
from longibench.metrics.masks import Mask, head_mask
from longibench.metrics.metric import MetricError, Volume

Plane = NDArray[np.float32]


class AbsentVolumeError(DamagedFileError):
    """A volume that is not on disk: it may have been deleted after scoring, to save space."""


_SHOWN_AREA = 0.8  # a slice must have this share of the largest cross-section of the head
_DEPTH_MM = 25.0
_MARGIN = 1  # voxels kept around the head


@dataclass(frozen=True)
class View:
    """An axial slice, cropped to the head, with its grey window.

    Attributes:
        level: Index of the slice on the third axis.
        crop: The part of the first two axes that is shown.
        spacing: Voxel size along the first two axes, in mm.
        white: Intensity shown as white; the background is black.
    """

    level: int
    crop: tuple[slice, slice]
    spacing: tuple[float, float]
    white: float

    @property
    def size_mm(self) -> tuple[float, float]:
        """Width and height of what is shown."""
        sides = [(part.stop - part.start) for part in self.crop]
        return sides[0] * self.spacing[0], sides[1] * self.spacing[1]

    def plane(self, volume: Volume) -> Plane:
        """Cut the slice: rows run from anterior to posterior, columns from left to right."""
        cut: Plane = volume[self.crop[0], self.crop[1], self.level]
        return cut.T[::-1]


def load(path: Path) -> tuple[Volume, tuple[float, float, float]]:
    """Read a volume in RAS orientation and its voxel size in mm.

    Raises:
        AbsentVolumeError: It is not on disk.
        UserError: It has changed since it was written, or is no 3D NIfTI.
    """
    if not path.is_file():
        raise AbsentVolumeError(path, "it is not on disk")
    require_intact(path)
    try:
        image = load_nifti(path)
    except DamagedScanError as error:
        raise UserError(f"{path}: cannot be read: {error.detail}; restore the file") from error
    x, y, z = (float(side) for side in image.header.get_zooms()[:3])
    return float_values(image), (x, y, z)


def choose_view(pairs: Sequence[tuple[Volume, Volume]], spacing: Sequence[float]) -> View:
    """Choose the axial slice with the largest real change deep inside the head.

    Only real scans are used, so that no method is favoured. Changes are smoothed and evaluated deep
    inside, where the ventricles are, so that neither noise nor a shifted rim has an effect; only
    slices near the head's largest cross-section are considered.

    Args:
        pairs: (source, real follow-up) volumes of one shape, in [-1, 1].
        spacing: Voxel size in mm.
    """
    heads = np.stack([_head(source) for source, _ in pairs])
    deep = np.stack([_deep(head, spacing) for head in heads])
    change = [np.abs(ndimage.gaussian_filter(later - source, 1)) for source, later in pairs]
    area = heads.sum(axis=(0, 1, 2))
    inside = np.where(deep, np.stack(change), 0).sum(axis=(0, 1, 2))
    level = int(np.argmax(np.where(area >= _SHOWN_AREA * area.max(), inside, -1)))
    sources = np.stack([source for source, _ in pairs])
    return View(
        level=level,
        crop=_crop(np.logical_or.reduce(heads)[..., level]),
        spacing=(float(spacing[0]), float(spacing[1])),
        white=float(np.percentile(sources[heads], 99.8)),
    )


def head_outline(view: View, source: Volume) -> Plane:
    """The slice of the head's mask, as 0 and 1, to draw its outline."""
    return view.plane(_head(source).astype(np.float32))


def _head(volume: Volume) -> Mask:
    """The head's mask; the whole volume if no head is found."""
    try:
        return head_mask(volume)
    except MetricError:
        return np.ones(volume.shape, dtype=np.bool_)


def _deep(head: Mask, spacing: Sequence[float]) -> Mask:
    """The part of a head that is far from its rim; all of it if no part is."""
    depth = ndimage.distance_transform_edt(head, sampling=spacing)
    deep = np.asarray(depth > _DEPTH_MM)
    return deep if deep.any() else head


def _crop(mask: Mask) -> tuple[slice, slice]:
    parts = []
    for axis in (0, 1):
        where = np.flatnonzero(mask.any(axis=1 - axis))
        start = max(int(where[0]) - _MARGIN, 0)
        parts.append(slice(start, min(int(where[-1]) + 1 + _MARGIN, mask.shape[axis])))
    return parts[0], parts[1]
