"""Acquisition of a head: position, resolution, gain, bias field and noise."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from torch import Tensor

from longibench.benchmark.cohorts.phantom.anatomy import FIELD
from longibench.benchmark.cohorts.phantom.lattice import Lattice
from longibench.benchmark.cohorts.phantom.person import normal
from longibench.benchmark.cohorts.phantom.template import Template
from longibench.benchmark.settings.phantom import ScannerSettings

VIEW_MM = (160.0, 200.0, 160.0)  # field of view
INSIDE = 0.25  # share of a voxel that must be head: low, so that a receding edge fades gradually
WHITE = 1000  # stored intensity of bright tissue
IMAGES = ("t1", "head")


@dataclass(frozen=True)
class Session:
    """Random acquisition effects of one scan.

    Attributes:
        gain: Factor on all intensities.
        contrast: Exponent on the template's intensities.
        bias: Coefficients of the bias field along x, y, z and their products, (9,).
        shift_mm: Position of the head, (3,).
        turn_degrees: Rotation of the head about x, y, z, (3,).
    """

    gain: float
    contrast: float
    bias: NDArray[np.float64]
    shift_mm: NDArray[np.float64]
    turn_degrees: NDArray[np.float64]


def field_of_view(spacing_mm: float) -> Lattice:
    """The scanner's lattice: an even number of voxels that covers ``VIEW_MM``."""
    x, y, z = (2 * int(np.ceil(side / spacing_mm / 2 - 1e-9)) for side in VIEW_MM)
    return Lattice((x, y, z), spacing_mm)


def sample_session(rng: Generator, settings: ScannerSettings, contrast: float) -> Session:
    """Sample the acquisition effects of one scan, each within two standard deviations.

    Args:
        rng: The participant's generator.
        settings: The scanner.
        contrast: The participant's exponent on intensities.
    """
    varies = settings.contrast > 0
    return Session(
        gain=float(np.exp(settings.gain * normal(rng))),
        contrast=contrast * float(np.exp(settings.contrast * normal(rng))) if varies else contrast,
        bias=settings.bias * rng.uniform(-1, 1, 9) / 3,
        shift_mm=settings.shift_mm * rng.standard_normal(3).clip(-2, 2),
        turn_degrees=settings.turn_degrees * rng.standard_normal(3).clip(-2, 2),
    )


class Scanner:
    """Acquires skull-stripped T1 volumes on its lattice."""

    def __init__(self, template: Template, spacing_mm: float, noise: float) -> None:
        """Args: the template, the voxel size in mm, and the noise relative to white matter."""
        self.lattice = field_of_view(spacing_mm)
        self._images = template.at(spacing_mm, *IMAGES)
        self._points = self.lattice.points()
        self._terms = _bias_terms(self._points)
        self._noise = noise

    def acquire(self, positions: Tensor, session: Session, rng: Generator) -> NDArray[np.uint16]:
        """Scan a head.

        Args:
            positions: The head's map (3, X, Y, Z) into the template.
            session: The acquisition effects of this scan.
            rng: For the noise.

        Returns:
            Intensities (X, Y, Z); exactly 0 outside the head.
        """
        signal, head = self._signal(positions, session)
        noisy = signal + self._noise * rng.standard_normal(len(signal))
        # Magnitude images have no negative values, and 0 is reserved for the background.
        scan = np.where(head > INSIDE, (WHITE * noisy).clip(min=1), 0)
        return scan.round().astype(np.uint16).reshape(self.lattice.shape)

    def clean(self, positions: Tensor, session: Session) -> NDArray[np.float32]:
        """What ``acquire`` would give without noise and rounding, (X, Y, Z)."""
        signal, head = self._signal(positions, session)
        scan = np.where(head > INSIDE, (WHITE * signal).clip(min=1), 0)
        return scan.astype(np.float32).reshape(self.lattice.shape)

    def _signal(
        self, positions: Tensor, session: Session
    ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Signal and share of head at the lattice's points, (N,) each.

        All maps are composed before the one interpolation of the template's intensities.
        """
        placed = FIELD.sample(positions, to_head(self._points, session), "border")
        t1, head = self._images.at(placed).numpy().T
        bias = np.exp(np.einsum("nk,k->n", self._terms, session.bias))
        return t1.clip(min=0) ** session.contrast * bias * session.gain, head


def to_head(points: Tensor, session: Session) -> Tensor:
    """Positions (N, 3) in the head of positions in the scan, mm."""
    # Not a matrix product, whose last digits depend on the number of threads.
    return (points[:, None, :] * _rotation(session)).sum(dim=2) + torch.tensor(
        session.shift_mm, dtype=torch.float32
    )


def from_head(points: Tensor, session: Session) -> Tensor:
    """The inverse of ``to_head``."""
    shifted = points - torch.tensor(session.shift_mm, dtype=torch.float32)
    return (shifted[:, :, None] * _rotation(session)).sum(dim=1)


def _rotation(session: Session) -> Tensor:
    rotation = Rotation.from_euler("xyz", session.turn_degrees, degrees=True).as_matrix()
    return torch.tensor(rotation, dtype=torch.float32)


def _bias_terms(points: Tensor) -> NDArray[np.float64]:
    """Polynomials up to second order over the field of view, (N, 9), each within [-1, 1]."""
    x, y, z = (points.numpy().astype(np.float64) * 2 / np.array(VIEW_MM)).T
    return np.stack([x, y, z, x * y, y * z, x * z, x * x, y * y, z * z], axis=1)
