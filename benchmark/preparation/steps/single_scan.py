"""The steps that need no other scan: brain extraction, bias correction, intensities on the grid."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from longibench.benchmark.core.grid import Grid
from longibench.benchmark.preparation.arrays import Affine, Array, Box, Mask
from longibench.benchmark.preparation.reading.problems import REGISTRATION, DamagedScanError
from longibench.benchmark.preparation.reading.raw_scan import Scan, read_scan, world_box
from longibench.benchmark.preparation.steps.bias import correct_bias
from longibench.benchmark.preparation.steps.brain import extract_brain
from longibench.benchmark.preparation.steps.intensity import head_range, scale_brain, scaled
from longibench.benchmark.preparation.steps.plan import CUT_OUT, Plan
from longibench.benchmark.preparation.steps.quality import NOT_DONE
from longibench.benchmark.preparation.steps.resampling import Order, resample

INSIDE = 0.25  # share of a voxel that must be brain if the scan was skull-stripped
HALF = 0.5  # share of a voxel that must be brain if its mask was extracted: keeps its volume


@dataclass(frozen=True)
class Anatomy:
    """A scan after the steps that need no other scan.

    Attributes:
        scan: Its intensities, bias corrected if that is a step.
        brain: Its brain, (X, Y, Z), or None if no step needs it.
        cut_out: Whether the raw scan was skull-stripped.
    """

    scan: Scan
    brain: Mask | None
    cut_out: bool

    @property
    def box(self) -> Box:
        """Smallest and largest world coordinates of the brain or head, (2, 3) in mm."""
        return self.scan.head.box if self.brain is None else world_box(self.brain, self.scan.affine)

    @cached_property
    def litres(self) -> float:
        """Volume of its brain, or of the head in it."""
        if self.brain is None:
            return self.scan.head.litres
        return float(np.count_nonzero(self.brain) * np.prod(self.scan.voxel_mm) / 1e6)

    @property
    def brain_ml(self) -> float:
        """Volume of its brain; NaN if it was not extracted."""
        return NOT_DONE if self.brain is None else 1000 * self.litres

    @property
    def skull_stripped(self) -> bool:
        """Whether only the brain is left on the grid."""
        return self.brain is not None or self.scan.skull_stripped


def find_anatomy(path: Path, plan: Plan) -> Anatomy:
    """Read a scan and do the steps that need no other scan.

    The brain is extracted from the raw scan, and the bias estimated in it; see ``correct_bias``.

    Raises:
        DamagedScanError: The scan cannot be used.
    """
    scan = read_scan(path, plan.axes)
    _ = scan.head  # raises without a head, before a tool finds one
    brain = extract_brain(scan, plan.brain) if plan.brain else None
    if plan.bias and brain is not None:
        scan = correct_bias(scan, brain)
    return Anatomy(scan, brain, plan.brain == CUT_OUT)


def on_grid(anatomy: Anatomy, target: Affine, grid: Grid, plan: Plan) -> tuple[Array, Mask]:
    """Interpolate once, and map the robust range of the brain to [-1, 1].

    Args:
        anatomy: The scan.
        target: The grid's voxel indices to the scan's world mm, all transforms composed.
        grid: The grid.
        plan: Its percentiles become -1 and 1.

    Returns:
        The volume, (X, Y, Z) float32 in [-1, 1], and the voxels of the grid that show the brain.

    Raises:
        DamagedScanError: There is no contrast, or nothing of the brain on the grid.
    """
    if anatomy.brain is None:
        placed = place(anatomy.scan, target, grid)
        limits = head_range(placed, anatomy.scan.background, plan.percentiles)
        volume = scaled_head(anatomy.scan, placed, limits, grid)
        return volume, volume > volume.min()
    scan = anatomy.scan
    order: Order = 1 if anatomy.cut_out else 3  # a spline rings at cut edges
    values = resample(scan.data, scan.affine, target, grid, float(scan.data.min()), order)
    share = resample(anatomy.brain.astype(np.float32), scan.affine, target, grid, 0.0)
    brain = share >= (INSIDE if anatomy.cut_out else HALF)
    if not brain.any():
        raise DamagedScanError(REGISTRATION, "its brain lies outside the grid")
    return scale_brain(values, brain, plan.percentiles), brain


def place(scan: Scan, target: Affine, grid: Grid) -> Scan:
    """A scan on the grid, its intensities unchanged; arguments as of ``on_grid``."""
    outside = float(scan.data.min())
    return Scan(resample(scan.data, scan.affine, target, grid, outside), target)


def scaled_head(scan: Scan, placed: Scan, limits: tuple[float, float], grid: Grid) -> Array:
    """A placed scan with a range of its intensities mapped to [-1, 1]; what was cut out is -1.

    Args:
        scan: The scan.
        placed: The same on the grid.
        limits: The intensities that become -1 and 1; those beyond are clipped.
        grid: The grid.

    Raises:
        DamagedScanError: The range is empty.
    """
    values = scaled(placed.data, *limits)
    if scan.background is not None:
        head = (scan.data > scan.background).astype(np.float32)
        values[resample(head, scan.affine, placed.affine, grid, 0.0) < INSIDE] = -1
    return values
