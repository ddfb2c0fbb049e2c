"""Brings one subject's scans onto the benchmark's grid and into [-1, 1]."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage

from benchmark.grid import Grid
from benchmark.preparation.scan import Affine, Array, DamagedScanError, Scan, read_scan

PERCENTILES = (1.0, 99.5)  # of the intensities inside the head; they become -1 and 1
INSIDE = 0.25  # share of a voxel that must be brain where the background was cut out
FWHM_TO_SIGMA = 1 / np.sqrt(8 * np.log(2))


@dataclass(frozen=True)
class PreparedScan:
    """A scan on the grid.

    Attributes:
        volume: float32 in [-1, 1], of the grid's shape; -1 is background.
        affine: Voxel indices to the world coordinates of the scan as found, (4, 4).
        skull_stripped: Whether the scan shows only the brain.
        same_space: Whether it shares matrix and affine with the subject's first scan.
        voxel_mm: Voxel size as found.
        head_litres: Volume of what it shows of the head.
    """

    volume: Array
    affine: Affine
    skull_stripped: bool
    same_space: bool
    voxel_mm: tuple[float, float, float]
    head_litres: float


def prepare_subject(paths: Sequence[Path], grid: Grid) -> list[PreparedScan | DamagedScanError]:
    """Prepare one subject's scans; the first is the source and decides the field of view.

    Scans that share the first one's space share its field of view, so that nothing jumps between
    visits; others are centred on their own head. Nothing of a follow-up enters the source.

    Args:
        paths: The scans in the order of time.
        grid: The benchmark's grid.

    Returns:
        One result a scan: prepared, or why it is damaged. If the first is damaged, all are, for a
        later scan must not silently become the source.
    """
    results: list[PreparedScan | DamagedScanError] = []
    first: Scan | None = None
    for path in paths:
        try:
            scan = read_scan(path)
            first = first or scan
            results.append(_prepare(scan, first, grid))
        except DamagedScanError as error:
            if first is None or not results:
                return [
                    error,
                    *[DamagedScanError("the subject's first scan is damaged")] * (len(paths) - 1),
                ]
            results.append(error)
    return results


def _prepare(scan: Scan, first: Scan, grid: Grid) -> PreparedScan:
    same_space = scan.shares_space(first)
    affine = field_of_view(first if same_space else scan, grid)
    x, y, z = (float(size) for size in scan.voxel_mm)
    return PreparedScan(
        volume=_in_range(scan, affine, grid),
        affine=affine,
        skull_stripped=scan.skull_stripped,
        same_space=same_space,
        voxel_mm=(x, y, z),
        head_litres=scan.head.litres,
    )


def field_of_view(scan: Scan, grid: Grid) -> Affine:
    """Affine of the grid placed over a scan's head, axes along the world's.

    The head's box is centred; of a head that is taller than the grid the top is kept, for what
    then falls off is the neck. Where the scan has the grid's spacing and axes, the grid is moved
    by whole voxels of the scan, so that nothing needs to be interpolated.
    """
    low, high = scan.head.box
    extent = (np.array(grid.shape) - 1) * grid.spacing_mm
    origin = (low + high - extent) / 2
    origin[2] = max(origin[2], high[2] + grid.spacing_mm - extent[2])
    if _has_axes_of(scan, grid):
        steps = np.round((origin - scan.affine[:3, 3]) / grid.spacing_mm)
        origin = scan.affine[:3, 3] + steps * grid.spacing_mm
    affine = np.diag([grid.spacing_mm] * 3 + [1.0])
    affine[:3, 3] = origin
    return affine


def _has_axes_of(scan: Scan, grid: Grid) -> bool:
    return bool(np.allclose(scan.affine[:3, :3], np.eye(3) * grid.spacing_mm, rtol=0, atol=1e-4))


def _in_range(scan: Scan, affine: Affine, grid: Grid) -> Array:
    """The scan on the grid, the robust range of its head there mapped to [-1, 1]."""
    outside = float(scan.data.min())
    on_grid = Scan(resample(scan.data, scan.affine, affine, grid, outside), affine)
    low, high = (float(value) for value in np.percentile(on_grid.head.values, PERCENTILES))
    if scan.background is not None:
        low = scan.background
    if high <= low:
        raise DamagedScanError("its head has no contrast")
    scaled = np.clip((on_grid.data - low) * (2 / (high - low)) - 1, -1, 1).astype(np.float32)
    if scan.background is not None:
        head = (scan.data > scan.background).astype(np.float32)
        scaled[resample(head, scan.affine, affine, grid, 0.0) < INSIDE] = -1
    return scaled


def resample(data: Array, found: Affine, wanted: Affine, grid: Grid, outside: float) -> Array:
    """Interpolate linearly onto a grid, after the blur that keeps coarser voxels from aliasing.

    Args:
        data: Intensities (X, Y, Z).
        found: Their affine.
        wanted: The grid's affine.
        grid: Shape and spacing of the result.
        outside: Value beyond the data.
    """
    matrix = np.linalg.inv(found) @ wanted
    shift = matrix[:3, 3]
    whole = np.allclose(matrix[:3, :3], np.eye(3), atol=1e-5) and np.allclose(
        shift, shift.round(), atol=1e-3
    )
    if whole:  # not even the last bit changes
        return ndimage.affine_transform(
            data, np.eye(3), shift.round(), grid.shape, order=0, cval=outside
        )
    voxel = np.linalg.norm(found[:3, :3], axis=0)
    # Adding variances: the scan's own resolution and the blur make up the grid's resolution.
    blur_mm = np.sqrt((grid.spacing_mm**2 - voxel**2).clip(min=0)) * FWHM_TO_SIGMA
    smooth = ndimage.gaussian_filter(data, blur_mm / voxel, mode="nearest")
    return ndimage.affine_transform(
        smooth, matrix[:3, :3], shift, grid.shape, order=1, cval=outside
    )
