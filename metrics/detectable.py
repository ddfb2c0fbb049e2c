"""The smallest change of a volume that the embedded segmentation can distinguish from none.

1.96 standard deviations of the difference between two scans of the same anatomy (Bland and Altman
1986, Lancet 327(8476):307; the repeatability of Bruton et al. 2000, Physiotherapy 86(2):94), in
percent of the first scan's volume. ``data/detectable.csv`` has the deviations by weights, voxel
size and structure; ``docs/examples/check_anatomy.py`` measures them on simulated people.
"""

import csv
import math
from functools import cache
from pathlib import Path

import numpy as np

from longibench.metrics.scan import Spacing

TABLE = Path(__file__).parent / "data" / "detectable.csv"
COLUMNS = ("version", "weights", "spacing_mm", "structure", "people", "sd_percent")
DIGITS = 12  # of the weights' SHA256
NORMAL_95 = 1.96
ROUNDING = 1.001  # of voxel sizes in headers
UNDETECTABLE = "no detectable change: "  # begins the note of a pair that changes too little
# % a year at about 75 years without dementia; docs/phantom.md names the sources.
HEALTHY = {"brain": 0.5, "grey": 0.8, "ventricles": 4.2, "hippocampus": 1.4}


def smallest_change(structure: str, spacing_mm: float | Spacing, weights: str) -> float:
    """The smallest detectable change in percent of the first volume; NaN where none was measured.

    Between the measured voxel sizes it is interpolated over the logarithm of the size. Smaller
    voxels have the value of the smallest measured ones, so that no better one is claimed; larger
    voxels have none. Voxels that are not cubic count by their coarsest side, along which a
    boundary is least certain; their mean size would hide it.

    Args:
        structure: One of ``STRUCTURES``.
        spacing_mm: Size of a voxel.
        weights: SHA256 of the segmentation's weights.
    """
    known = _measured().get((weights[:DIGITS], structure), {})
    size = float(np.max(spacing_mm))
    if not known or size > max(known) * ROUNDING:
        return math.nan
    sizes = sorted(known)
    return float(np.interp(math.log(size), np.log(sizes), [known[each] for each in sizes]))


def coarsest_measured(weights: str) -> float:
    """The largest voxel size that was measured with weights of a SHA256, in mm; 0 if none was."""
    sizes = (sizes for (digest, _), sizes in _measured().items() if digest == weights[:DIGITS])
    return max((size for some in sizes for size in some), default=0.0)


@cache
def _measured() -> dict[tuple[str, str], dict[float, float]]:
    """Percent by voxel size in mm, by weights and structure."""
    found: dict[tuple[str, str], dict[float, float]] = {}
    with TABLE.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            sizes = found.setdefault((row["weights"], row["structure"]), {})
            sizes[float(row["spacing_mm"])] = NORMAL_95 * float(row["sd_percent"])
    return found
