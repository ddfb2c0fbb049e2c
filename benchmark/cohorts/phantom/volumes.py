"""True volumes of a visit: the one definition of each, whatever the scan's voxels are."""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from longibench.benchmark.cohorts.phantom.anatomy import FIELD, carried, displacement
from longibench.benchmark.cohorts.phantom.lattice import Lattice, jacobian
from longibench.benchmark.cohorts.phantom.template import Template

MAPS = ("ventricles", "grey", "white", "hippocampus")
LATTICE = Lattice((71, 91, 71), 2.0)  # covers ``ROOM_MM``
MARGIN_MM = 6.0  # around the template's head: follow-ups stay within the first visit's


class Volumes:
    """Volumes of a participant's tissues at any visit.

    A volume is the integral of the tissue's share, which the template's maps give at 1 mm, over the
    head; it is summed over a lattice of 2 mm.
    """

    def __init__(self, template: Template) -> None:
        """Args: the template, whose maps are taken unblurred."""
        self._maps = template.at(0, *MAPS)
        self._head = template.at(MARGIN_MM, "head")
        self._points = LATTICE.points()

    def near(self, positions: Tensor) -> Tensor:
        """Points (N, 3) of the lattice in a head, given its map (3, X, Y, Z) on ``FIELD``."""
        return self._points[carried(self._head, self._points, displacement(positions))[:, 0] > 0]

    def ml(self, positions: Tensor, points: Tensor) -> dict[str, float]:
        """Volume of each tissue in ml.

        Args:
            positions: The visit's map (3, X, Y, Z) on ``FIELD``.
            points: ``near`` at the first visit.
        """
        shares = carried(self._maps, points, displacement(positions))
        sums: NDArray[np.float64] = shares.numpy().sum(axis=0, dtype=np.float64)
        totals = dict(zip(MAPS, sums * LATTICE.spacing**3 / 1000, strict=True))
        return {
            "brain_ml": float(totals["grey"] + totals["white"]),
            "grey_ml": float(totals["grey"]),
            "white_ml": float(totals["white"]),
            "ventricle_ml": float(totals["ventricles"]),
            "hippocampus_ml": float(totals["hippocampus"]),
        }

    def smallest_jacobian(self, positions: Tensor) -> float:
        """Smallest Jacobian of a map (3, X, Y, Z) on ``FIELD``, where there is tissue."""
        shares = self._maps.at(positions.reshape(3, -1).T)[:, : MAPS.index("hippocampus")]
        inside = FIELD.volume(shares).sum(dim=0) > 0.5
        return float(jacobian(FIELD, positions)[inside].min())
