"""Anatomies and contrasts not used in training: another family of deformations, other signals.

Training deforms by the flows of smooth random velocity fields and the phantom's modes of change.
Here heads are deformed by sines and by bumps that push tissue away from or pull it to a place,
and ventricles grow by bumps in them.
"""

import numpy as np
import torch
from torch import Tensor

from anatomy_training.images import (
    MAPS,
    Camera,
    Contrast,
    Values,
    shown_tissue,
    sides_of,
    take,
)
from longibench.benchmark.cohorts.phantom.anatomy import FIELD
from longibench.benchmark.cohorts.phantom.lattice import Lattice

SEED = 20_261
BUMPS = 30
SINE_MM = (0.5, 1.8)  # amplitude
WAVE_MM = (70.0, 140.0)
RADIUS_MM = (12.0, 30.0)
STRONGEST = 0.3  # of a bump's radius: the map stays invertible
HEAD_MM = (60.0, 75.0, 55.0)  # half axes of the region of bumps
VENTRICLES_MM = ((-14.0, -5.0, 12.0), (14.0, -5.0, 12.0))  # of the lattice's middle
VENTRICLE_RADIUS_MM = 16.0

# Each is outside the range used in training in at least one respect; see images.sample_contrast.
CONTRASTS = {
    "grey nearly as dark as fluid": Contrast(
        0.0, (0.32, 0.42, 1.0), 1.0, 0.02, (0.3, 0.3, 0.3), 0.05, 0.25, 0.0
    ),
    "gamma 1.8": Contrast(1.0, (0.2, 0.6, 0.9), 1.8, 0.02, (0.3, 0.3, 0.3), 0.05, 0.25, 0.0),
    "gamma 0.55, noise 10%": Contrast(
        1.0, (0.2, 0.6, 0.9), 0.55, 0.1, (0.0, 0.0, 0.0), 0.05, 0.25, 0.0
    ),
}


def sample_held_out(number: int) -> Tensor:
    """Displacement (3, X, Y, Z) on ``FIELD`` from a head to the template, mm."""
    rng = np.random.default_rng([SEED, number])
    points = FIELD.points().numpy().astype(np.float64)
    moved = points * rng.uniform(0.95, 1.08, 3)
    for axis in range(3):
        along = rng.integers(3)
        phase, wave = rng.uniform(0, 2 * np.pi), rng.uniform(*WAVE_MM)
        moved[:, axis] += rng.uniform(*SINE_MM) * np.sin(
            2 * np.pi * points[:, along] / wave + phase
        )
    for _ in range(BUMPS):
        centre = rng.uniform(-1, 1, 3) * HEAD_MM
        radius = rng.uniform(*RADIUS_MM)
        moved += _bump(points, centre, radius, rng.uniform(-STRONGEST, STRONGEST) / 2)
    growth = rng.uniform(-0.1, STRONGEST)
    for place in VENTRICLES_MM:  # points come from nearer to the centre: the tissue there grows
        moved -= _bump(points, np.array(place), VENTRICLE_RADIUS_MM, growth)
    return FIELD.volume(torch.from_numpy((moved - points).astype(np.float32)))


def _bump(points: np.ndarray, centre: np.ndarray, radius: float, strength: float) -> np.ndarray:
    """Displacement (N, 3) away from a point, largest at a radius from it."""
    away = points - centre
    near = np.exp(-(away**2).sum(axis=1, keepdims=True) / (2 * radius**2))
    return strength * away * near


def held_out_maps(camera: Camera, number: int, spacing_mm: float) -> Values:
    """``MAPS`` (6, X, Y, Z) of a held-out head, at one of ``NATIVE_MM``."""
    shape = sides_of(spacing_mm)
    points = Lattice(shape, spacing_mm).points()
    return camera.shares(sample_held_out(number), points, spacing_mm).reshape(len(MAPS), *shape)


def shoot_held_out(maps: Values, number: int, contrast: str) -> tuple[Values, Values]:
    """An image (X, Y, Z) of a held-out head, and its true tissue (6, X, Y, Z).

    Args:
        maps: Of ``held_out_maps``.
        number: Of the head.
        contrast: A name in ``CONTRASTS``.
    """
    rng = np.random.default_rng([SEED, number, 1])
    image, inside = take(maps, CONTRASTS[contrast], rng)
    return image, shown_tissue(maps, inside)
