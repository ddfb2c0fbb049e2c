"""A participant's anatomy at a visit: a map into the template's space."""

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from longibench.benchmark.cohorts.phantom.lattice import Lattice, exponential, flow
from longibench.benchmark.cohorts.phantom.person import Person, generator
from longibench.benchmark.cohorts.phantom.progression import Modes
from longibench.benchmark.cohorts.phantom.template import Image
from longibench.benchmark.settings.phantom import StudySettings

FIELD = Lattice((34, 42, 34), 5.0)  # where maps are computed; a margin around 160 x 200 x 160 mm
SMOOTHNESS_MM = (25.0, 9.0)  # standard deviations of the coarse and the fine part of anatomy
CENTRAL_MM = 70.0  # radius of the middle of the head
ROOM_MM = (142.0, 182.0, 142.0)  # extent of a head's points, with a margin of one voxel
KNOWN_MM = (148.0, 188.0, 148.0)  # closer to the field's edge, centring has changed maps
PROPORTIONS = 0.012  # relative standard deviation of length, width and height
STEP_MM = 1.0  # of the integration of atrophy


def sample_anatomy(settings: StudySettings, person: Person, modes: Modes) -> Tensor:
    """Sample the map from a participant's space to the template's, before any atrophy.

    The head is within ``ROOM_MM``, centred as far as possible. The displacement is
    rounded to 0.01 mm, so that the stored map is the map that was used.

    Returns:
        Displacement (3, X, Y, Z) on ``FIELD``, mm.
    """
    rng = generator(settings, person.number, 1)
    proportions = np.exp(PROPORTIONS * rng.standard_normal(3).clip(-2, 2))
    proportions *= (person.size / proportions.prod()) ** (1 / 3)
    velocity = np.zeros((3, *FIELD.shape), np.float32)
    for rms, smoothness in zip(settings.shape_mm, SMOOTHNESS_MM, strict=True):
        noise = rng.standard_normal(velocity.shape).astype(np.float32)
        sigma = (0, *[smoothness / FIELD.spacing] * 3)
        part = ndimage.gaussian_filter(noise, sigma, mode="wrap")
        velocity += part * (rms / part.std())
    points = FIELD.points()
    warp = exponential(FIELD, torch.from_numpy(velocity)).reshape(3, -1).T
    central = warp[(points**2).sum(dim=1) < CENTRAL_MM**2]
    warp = warp - torch.from_numpy(central.numpy().mean(axis=0, dtype=np.float64)).float()
    positions = (points + warp) / torch.tensor(proportions, dtype=torch.float32)
    head = points[modes.lattice.sample(modes.head, positions)[:, 0] > 0.5]
    positions = FIELD.sample(FIELD.volume(positions), points + _overhang(head), "border")
    return rounded(FIELD.volume(positions))


def rounded(positions: Tensor) -> Tensor:
    """Displacement (3, X, Y, Z) of a map on ``FIELD`` in mm, rounded as it is stored."""
    return (displacement(positions) * 100).round() / 100


def _overhang(head: Tensor) -> Tensor:
    """How far the points (N, 3) of a head extend beyond ``ROOM_MM``, towards each side."""
    half = torch.tensor(ROOM_MM) / 2
    return (head.amax(dim=0) - half).clamp(min=0) + (head.amin(dim=0) + half).clamp(max=0)


def displacement(positions: Tensor) -> Tensor:
    """How far a map (3, X, Y, Z) on ``FIELD`` moves each point, mm, (3, X, Y, Z)."""
    return positions - FIELD.volume(FIELD.points())


def carried(image: Image, points: Tensor, moved: Tensor) -> Tensor:
    """Deform an image of the template into a head.

    Args:
        image: In the template's space; beyond its lattice its border is extended.
        points: In the head, mm, (N, 3); also outside of ``FIELD``.
        moved: Displacement to the template (3, X, Y, Z) on ``FIELD``, mm. Outside of
            ``KNOWN_MM`` it is extended as at the border.

    Returns:
        Values (N, C) at the points.
    """
    half = torch.tensor(KNOWN_MM) / 2
    moves = FIELD.sample(moved, points.clamp(-half, half))
    return image.at(points + moves, "border")


class Body:
    """One participant's anatomy, advanced in time."""

    def __init__(self, anatomy: Tensor, modes: Modes, velocity: Tensor, start: float = 0.0) -> None:
        """Prepare a participant.

        Args:
            anatomy: Displacement (3, X, Y, Z) on ``FIELD`` to the template, mm.
            modes: The template's modes of change.
            velocity: Their sum for this participant, (3, X, Y, Z) in mm per year.
            start: Years of the same change before time 0.
        """
        self._lattice = modes.lattice
        self._velocity = velocity
        positions = FIELD.points() + anatomy.reshape(3, -1).T
        self._near = modes.lattice.sample(modes.around, positions)[:, 0] > 0
        self._positions = positions
        self._start, self._time = start, 0.0

    def at(self, years: float) -> Tensor:
        """The map (3, X, Y, Z) into the template after years of change, in ascending order."""
        time = self._start + years
        elapsed, self._time = time - self._time, time
        moved = flow(self._lattice, self._velocity, self._positions[self._near], -elapsed, STEP_MM)
        self._positions = self._positions.clone()
        self._positions[self._near] = moved
        return FIELD.volume(self._positions)
