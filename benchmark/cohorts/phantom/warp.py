"""The deformation between a participant's visits, from their maps into the template."""

import torch
from torch import Tensor

from longibench.benchmark.cohorts.phantom.anatomy import FIELD
from longibench.benchmark.cohorts.phantom.lattice import jacobian
from longibench.benchmark.cohorts.phantom.scanner import Session, from_head, to_head

ITERATIONS = 8  # of the inversion, at most; few points need more than three
ENOUGH_MM = 0.01  # in the template: points that miss less are found
MOVED_MM = 0.005  # points that move less, such as air, are not traced back
FLAT = 0.01  # a smaller Jacobian is that of a map at the field's edge, which nothing moves


class FirstVisit:
    """The first visit of a participant, which later ones are traced back to."""

    def __init__(self, positions: Tensor, session: Session) -> None:
        """Args: its map (3, X, Y, Z) on ``FIELD`` into the template, and its acquisition."""
        self._positions = positions
        self._session = session
        slopes = torch.stack(torch.gradient(positions, spacing=FIELD.spacing, dim=(1, 2, 3)), 1)
        slopes = slopes.reshape(3, 3, -1).permute(2, 0, 1)
        slopes[jacobian(FIELD, positions).flatten() < FLAT] = torch.eye(3)
        self._inverse = torch.linalg.inv(slopes)

    def displacement(self, positions: Tensor) -> Tensor:
        """Where the tissue of a visit was at the first one.

        Both visits are seen in the first scan's world: a point of the visit's anatomy moves to the
        point of the first visit with the same place in the template.

        Args:
            positions: The visit's map (3, X, Y, Z) on ``FIELD`` into the template.

        Returns:
            Displacement (3, X, Y, Z) on ``FIELD``, mm.
        """
        heads = FIELD.points()
        change = (positions - self._positions).reshape(3, -1).T
        moving = change.abs().amax(dim=1) > MOVED_MM
        wanted, inverse = positions.reshape(3, -1).T[moving], self._inverse[moving]
        points, left = heads[moving], torch.arange(int(moving.sum()))
        for _ in range(ITERATIONS):  # chords: Newton's steps with the slope at the start
            missing = wanted[left] - FIELD.sample(self._positions, points[left], "border")
            points[left] += (inverse[left] * missing[:, None, :]).sum(dim=2)
            left = left[missing.abs().amax(dim=1) > ENOUGH_MM]
        moved = torch.zeros_like(heads)
        moved[moving] = points - heads[moving]
        placed = to_head(heads, self._session)
        came_from = placed + FIELD.sample(FIELD.volume(moved), placed, "border")
        return FIELD.volume(from_head(came_from, self._session) - heads)
