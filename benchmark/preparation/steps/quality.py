"""Numbers that show a bad preparation: overlap, similarity, and movement."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from longibench.benchmark.preparation.arrays import Affine, Array, Mask, Point

NOT_DONE = float("nan")


@dataclass(frozen=True)
class Quality:
    """Quality of one prepared scan; NaN if the step was not done.

    Attributes:
        brain_ml: Volume of the brain's mask in the raw scan.
        overlap: Dice of the registered mask with the source's; of the source's with the template's.
        similarity: Pearson's correlation inside that brain with the source; with the template.
        jump_mm: Distance by which registration moved the brain's centre.
        turn_degrees: Angle by which it rotated the brain.
        scale: Factor on volume from the scan to the grid: above 1, the head was enlarged.
    """

    brain_ml: float = NOT_DONE
    overlap: float = NOT_DONE
    similarity: float = NOT_DONE
    jump_mm: float = NOT_DONE
    turn_degrees: float = NOT_DONE
    scale: float = NOT_DONE


UNKNOWN = Quality()


def dice(first: Mask, second: Mask) -> float:
    """Overlap of two masks, 0 to 1 (Dice, Ecology 1945; 26:297)."""
    total = int(np.count_nonzero(first)) + int(np.count_nonzero(second))
    return 2 * int(np.count_nonzero(first & second)) / total if total else NOT_DONE


def correlation(first: Array, second: Array, where: Mask) -> float:
    """Pearson's correlation of two volumes inside a mask, -1 to 1; NaN if one is constant."""
    one, other = first[where].astype(np.float64), second[where].astype(np.float64)
    if one.size < 2 or one.std() == 0 or other.std() == 0:
        return NOT_DONE
    return float(np.corrcoef(one, other)[0, 1])


def movement(transform: Affine, point: Point) -> tuple[float, float]:
    """How far a linear transform moves a point, in mm, and rotates, in degrees.

    Args:
        transform: World to world, (4, 4).
        point: World mm, (3,).
    """
    moved = transform[:3, :3] @ point + transform[:3, 3]
    left, _, right = np.linalg.svd(transform[:3, :3])  # the rotation of the polar decomposition
    turn = np.degrees(Rotation.from_matrix(left @ right).magnitude())
    return float(np.linalg.norm(moved - point)), float(turn)


def scale_of(transform: Affine) -> float:
    """Factor on volume from the scan to the grid, of a transform from the grid to the scan."""
    return float(1 / np.linalg.det(transform[:3, :3]))
