"""Volumes and maps on centred lattices: sampling, exponentials, Jacobians.

Conventions: positions are in mm from the centre of the head, along RAS axes. A volume is a float32
tensor (C, X, Y, Z); a list of positions is (N, 3). A map of a lattice is a volume of positions.
"""

from dataclasses import dataclass
from math import ceil

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import grid_sample


@dataclass(frozen=True)
class Lattice:
    """A regular isotropic lattice centred at the origin.

    Attributes:
        shape: Points along X, Y and Z.
        spacing: Distance between neighbours, mm.
    """

    shape: tuple[int, int, int]
    spacing: float

    @property
    def first(self) -> list[float]:
        """Position of the first point, mm."""
        return [-(side - 1) / 2 * self.spacing for side in self.shape]

    def points(self) -> Tensor:
        """Positions of all points, (N, 3) in mm, in the order of a flattened volume."""
        axes = [
            start + self.spacing * torch.arange(side, dtype=torch.float32)
            for start, side in zip(self.first, self.shape, strict=True)
        ]
        return torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1).reshape(-1, 3)

    def nearest(self, points: Tensor) -> Tensor:
        """Number of the point nearest to each of several positions (N, 3), in that order."""
        steps = ((points - torch.tensor(self.first)) / self.spacing).round().long()
        x, y, z = torch.minimum(steps.clamp(min=0), torch.tensor(self.shape) - 1).T
        return (x * self.shape[1] + y) * self.shape[2] + z

    def volume(self, values: Tensor) -> Tensor:
        """Fold values (N, C) of all points into a volume (C, X, Y, Z)."""
        return values.T.reshape(-1, *self.shape)

    def sample(self, volume: Tensor, points: Tensor, outside: str = "zeros") -> Tensor:
        """Interpolate a volume (C, X, Y, Z) of this lattice linearly at positions (N, 3).

        Args:
            volume: Values on this lattice.
            points: Positions in mm.
            outside: ``"zeros"`` or ``"border"``: the values beyond the lattice.

        Returns:
            Values (N, C).
        """
        grid = (points / -torch.tensor(self.first)).flip(-1)[None, None, None]
        values = grid_sample(volume[None], grid, padding_mode=outside, align_corners=True)
        return values[0, :, 0, 0].T


def total(values: Tensor) -> float:
    """Sum that does not depend on the number of threads, as torch's does in the last digits."""
    return float(values.numpy().sum(dtype=np.float64))


def exponential(lattice: Lattice, velocity: Tensor, squarings: int = 5) -> Tensor:
    """Displacement of the flow of a stationary velocity field after unit time.

    Scaling and squaring (Arsigny et al., MICCAI 2006): exp(v) = exp(v / 2^n) composed 2^n times.

    Args:
        lattice: Where the field is given.
        velocity: Volume (3, X, Y, Z) in mm per unit of time.
        squarings: n; v / 2^n should be small against the spacing.

    Returns:
        Displacement (3, X, Y, Z) in mm.
    """
    points = lattice.points()
    displacement = velocity / 2**squarings
    for _ in range(squarings):
        moved = points + displacement.reshape(3, -1).T
        displacement = displacement + lattice.volume(lattice.sample(displacement, moved, "border"))
    return displacement


def flow(lattice: Lattice, velocity: Tensor, points: Tensor, time: float, step: float) -> Tensor:
    """Follow a stationary velocity field from each point (midpoint rule).

    Args:
        lattice: Where the field is given.
        velocity: Volume (3, X, Y, Z) in mm per unit of time.
        points: Start points, (N, 3) in mm.
        time: Duration; negative to integrate backwards.
        step: Longest displacement of one step, mm.

    Returns:
        End points, (N, 3) in mm.
    """
    fastest = float(velocity.abs().max())
    steps = max(1, ceil(abs(time) * fastest / step))
    for _ in range(steps):
        middle = points + lattice.sample(velocity, points) * (time / steps / 2)
        points = points + lattice.sample(velocity, middle) * (time / steps)
    return points


def jacobian(lattice: Lattice, positions: Tensor) -> Tensor:
    """Determinant of the derivative of a map (3, X, Y, Z), by central differences, (X, Y, Z)."""
    along_x, along_y, along_z = torch.gradient(positions, spacing=lattice.spacing, dim=(1, 2, 3))
    return (along_x * torch.linalg.cross(along_y, along_z, dim=0)).sum(dim=0)
