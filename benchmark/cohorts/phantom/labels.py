"""Ground truth of every voxel: the tissue at its centre."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from longibench.benchmark.cohorts.phantom.anatomy import ROOM_MM, carried
from longibench.benchmark.cohorts.phantom.lattice import Lattice
from longibench.benchmark.cohorts.phantom.raw_scanner import slice_points
from longibench.benchmark.cohorts.phantom.raw_session import RawSession
from longibench.benchmark.cohorts.phantom.scanner import Session, field_of_view, to_head
from longibench.benchmark.cohorts.phantom.template import Template

# 0: outside the brain mask; the hippocampi are not part of "grey" here
LABELS = {"fluid": 1, "grey": 2, "white": 3, "ventricle": 4, "hippocampus": 5}
LABEL_MM = 1.5  # voxels of the plain phantom's label maps
AT_ONCE = 50_000  # points; limits memory


class Labeller:
    """Labels of the template, deformed into heads."""

    def __init__(self, template: Template) -> None:
        """Args: the template, whose maps are taken unblurred."""
        self._tissues = template.at(0, "head", "grey", "white", "ventricles", "hippocampus")

    def on_grid(self, moved: Tensor, session: RawSession) -> NDArray[np.uint8]:
        """Labels at the centres of a scan's voxels, on the scan's grid; see ``at``."""
        labels = np.zeros(session.shape, np.uint8)
        room = torch.tensor(ROOM_MM) / 2
        for index in range(session.shape[2]):
            points = slice_points(session.shape, session.to_head, index)
            near = (points.abs() < room).all(dim=1)
            values = np.zeros(len(points), np.uint8)
            values[near.numpy()] = self.at(points[near], moved)
            labels[:, :, index] = values.reshape(session.shape[:2])
        return labels

    def at(self, points: Tensor, moved: Tensor) -> NDArray[np.uint8]:
        """Labels (N,) at points (N, 3) of a head.

        Args:
            points: In the head, mm.
            moved: Displacement to the template (3, X, Y, Z) on ``FIELD``, mm.

        Returns:
            0 outside the brain mask; in it ``LABELS``: the ventricles where they fill more than
            half, elsewhere the one of fluid, grey and white matter with the largest share; the
            hippocampi are the grey matter of which more than half is theirs.
        """
        shares = carried(self._tissues, points, moved).numpy().T
        cover, grey, white, ventricles, hippocampus = shares
        inside = np.argmax([1 - grey - white, grey, white], axis=0) + LABELS["fluid"]
        inside[(inside == LABELS["grey"]) & (hippocampus > grey / 2)] = LABELS["hippocampus"]
        inside[ventricles > 0.5] = LABELS["ventricle"]
        return np.where(cover > 0.5, inside, 0).astype(np.uint8)

    def of_plain(self, moved: Tensor, session: Session) -> tuple[NDArray[np.uint8], Lattice]:
        """Labels over the field of view of a plain scan, in its world, and their lattice."""
        lattice = field_of_view(LABEL_MM)
        parts = [
            self.at(to_head(points, session), moved) for points in lattice.points().split(AT_ONCE)
        ]
        return np.concatenate(parts).reshape(lattice.shape), lattice
