"""Whether volumes that should lie in [-1, 1] lie in [0, 1], the other common scale."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from longibench.benchmark.core.errors import UserError
from longibench.benchmark.preparation.space import RANGE_TOLERANCE, Volume

OVERSHOOT = 0.1  # networks without a limit leave [0, 1] by about this

BRIGHTEST = 0.5  # a brain in [0, 1] has brighter voxels; an untrained network's volumes may not


@dataclass(frozen=True)
class Bright:
    """Volumes of which none is as dark as a background of -1: their number and range."""

    number: int
    low: float
    high: float

    def refused(self, where: Path | str, reason: str) -> UserError:
        """The error for them, with an option that fixes it.

        Args:
            where: The list or folder of the volumes.
            reason: Why values in [-1, 1] would be darker.
        """
        fix = "--range 0,1" if self.low >= -RANGE_TOLERANCE / 2 else "clip them, then --range 0,1"
        return UserError(
            f"{where}: the values of all {self.number} volumes run from {self.low:.3g} to "
            f"{self.high:.3g}, but {reason}. Volumes in [0, 1]: {fix}; if -1 and 1 are the ends "
            "of their range nevertheless: --range=-1,1"
        )


def all_bright(volumes: Iterable[Volume]) -> Bright | None:
    """Whether no volume has a value clearly below 0, and one is bright.

    No further volume is read once one is dark.

    Args:
        volumes: Values (X, Y, Z) as they are stored.
    """
    lows, highs = [], []
    for volume in volumes:
        lows.append(float(volume.min()))
        highs.append(float(volume.max()))
        if lows[-1] < -OVERSHOOT:
            return None
    if not lows or max(highs) < BRIGHTEST:
        return None
    return Bright(len(lows), min(lows), max(highs))
