"""True volumes of a visit: the one definition of each, whatever the scan's voxels are."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from longibench.benchmark.cohorts.phantom.anatomy import FIELD, carried, displacement
from longibench.benchmark.cohorts.phantom.lattice import Lattice, jacobian
from longibench.benchmark.cohorts.phantom.template import Image, Template

TISSUE, PARTS = ("grey", "white"), ("ventricles", "hippocampus")
# Over ``ROOM_MM``, and over its middle. Spacings that divide the maps' 5 mm would meet their kinks.
COARSE = Lattice((49, 63, 49), 3.0)
FINE = Lattice((59, 73, 53), 2.0)
COARSENING = 3  # of the maps that the regions are taken from
# By how many of their voxels a region is larger, so that it holds the follow-ups too.
AROUND_HEAD, AROUND_PARTS = 1, 3


@dataclass(frozen=True)
class Region:
    """Where volumes are summed: points (N, 3) of both lattices near what is measured on them."""

    coarse: Tensor
    fine: Tensor


class Volumes:
    """Volumes of a participant's tissues at any visit.

    A volume is the integral of the tissue's share, which the template's maps give at 1 mm; grey and
    white matter are summed over a lattice of 3 mm, ventricles and hippocampi over one of 2 mm.
    """

    def __init__(self, template: Template) -> None:
        """Args: the template, whose maps are taken unblurred."""
        self._tissue, self._parts = template.at(0, *TISSUE), template.at(0, *PARTS)
        lattice, maps = template.coarse(COARSENING, "head", *TISSUE, *PARTS)
        near = [
            ndimage.maximum_filter(maps["head"], 2 * AROUND_HEAD + 1),
            ndimage.maximum_filter(maps[PARTS[0]] + maps[PARTS[1]], 2 * AROUND_PARTS + 1),
            sum(maps[name] for name in (*TISSUE, PARTS[0])),
        ]
        self._near = Image(lattice, torch.from_numpy(np.stack(near).astype(np.float32)))
        self._places = [FIELD.nearest(lattice.points()) for lattice in (COARSE, FINE)]

    def region(self, positions: Tensor) -> Region:
        """The region of a participant, given the first visit's map (3, X, Y, Z) on ``FIELD``."""
        head, parts, _ = (self._near.at(positions.reshape(3, -1).T) > 0).T
        coarse, fine = self._places
        return Region(COARSE.points()[head[coarse]], FINE.points()[parts[fine]])

    def ml(self, positions: Tensor, region: Region) -> dict[str, float]:
        """Volume of each tissue in ml, of a visit's map (3, X, Y, Z) on ``FIELD``."""
        grey, white = _integrals(self._tissue, positions, region.coarse, COARSE)
        ventricles, hippocampi = _integrals(self._parts, positions, region.fine, FINE)
        return {
            "brain_ml": grey + white,
            "grey_ml": grey,
            "white_ml": white,
            "ventricle_ml": ventricles,
            "hippocampus_ml": hippocampi,
        }

    def smallest_jacobian(self, positions: Tensor) -> float:
        """Smallest Jacobian of a map (3, X, Y, Z) on ``FIELD``, where there is tissue."""
        tissue = self._near.at(positions.reshape(3, -1).T)[:, 2]
        return float(jacobian(FIELD, positions).flatten()[tissue > 0.5].min())


def _integrals(
    maps: Image, positions: Tensor, points: Tensor, lattice: Lattice
) -> tuple[float, float]:
    """Integrals of two maps over points of a lattice, in ml."""
    shares = carried(maps, points, displacement(positions)).numpy()
    first, second = shares.sum(axis=0, dtype=np.float64) * lattice.spacing**3 / 1000
    return float(first), float(second)
