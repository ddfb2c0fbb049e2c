"""Random acquisition effects of a raw scan: head pose, grid, orientation, gain, bias field."""

from dataclasses import dataclass

import numpy as np
from nibabel.orientations import axcodes2ornt
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from longibench.benchmark.cohorts.phantom.person import normal
from longibench.benchmark.settings.phantom_raw import RawSettings, SliceProtocol

VIEW_MM = (204.0, 250.0, 220.0)  # field of view along x, y and z
BELOW_MM = 15.0  # distance of the centre of the field of view below that of the brain
DIRECTIONS = ("LR", "PA", "IS")

Matrix = NDArray[np.float64]
Shape = tuple[int, int, int]


@dataclass(frozen=True)
class RawSession:
    """Random acquisition effects of one scan.

    Attributes:
        protocol: Voxel size.
        orientation: Directions of the voxel axes, such as ``"PSR"``; the last one is across slices.
        gain: Factor on all intensities.
        bias: Coefficients of the bias field along x, y, z and their products, (9,).
        shift_mm: Position of the head's centre in the scan's world, (3,).
        turn_degrees: Rotation of the head about x, then y, then z, (3,).
        off_centre_mm: Offset from the head's centre to that of the field of view, (3,).
    """

    protocol: SliceProtocol
    orientation: str
    gain: float
    bias: Matrix
    shift_mm: Matrix
    turn_degrees: Matrix
    off_centre_mm: Matrix

    @property
    def pose(self) -> Matrix:
        """Head coordinates to the scan's world, both RAS mm, (4, 4)."""
        pose = np.eye(4)
        pose[:3, :3] = Rotation.from_euler("xyz", self.turn_degrees, degrees=True).as_matrix()
        pose[:3, 3] = self.shift_mm
        return pose

    @property
    def shape(self) -> Shape:
        """Voxels along each axis of the scan."""
        view = [VIEW_MM[axis] for axis in self._axes]
        i, j, k = (
            2 * int(np.ceil(mm / size / 2)) for mm, size in zip(view, self._sizes, strict=True)
        )
        return i, j, k

    @property
    def affine(self) -> Matrix:
        """Voxel indices to the scan's world in RAS mm, (4, 4)."""
        affine = np.diag([0.0, 0.0, 0.0, 1.0])
        affine[self._axes, range(3)] = self._signs * self._sizes
        middle = self.shift_mm + self.off_centre_mm
        affine[:3, 3] = middle - affine[:3, :3] @ ((np.array(self.shape) - 1) / 2)
        return affine

    @property
    def to_head(self) -> Matrix:
        """Voxel indices to head coordinates, (4, 4)."""
        return np.linalg.inv(self.pose) @ self.affine

    def bias_field(self, index: int) -> Matrix:
        """Factor on a slice (I, J): exp of a polynomial of second order over the field of view."""
        voxels = (np.arange(self.shape[0])[:, None], np.arange(self.shape[1])[None], index)
        world: list[Matrix] = [np.zeros(1)] * 3
        for k, axis in enumerate(self._axes):
            world[axis] = self._signs[k] * ((2 * voxels[k] + 1) / self.shape[k] - 1)
        x, y, z = world
        terms = (x, y, z, x * y, y * z, x * z, x * x, y * y, z * z)
        exponents = [c * term for c, term in zip(self.bias, terms, strict=True)]
        return np.exp(sum(exponents[1:], exponents[0]))

    @property
    def _axes(self) -> NDArray[np.int_]:
        """The world's axis of each voxel axis."""
        return axcodes2ornt(self.orientation)[:, 0].astype(int)

    @property
    def _signs(self) -> Matrix:
        return np.asarray(axcodes2ornt(self.orientation)[:, 1])

    @property
    def _sizes(self) -> Matrix:
        return np.array([self.protocol.in_plane_mm] * 2 + [self.protocol.slice_mm])


def sample_raw_session(rng: Generator, settings: RawSettings) -> RawSession:
    """Sample the acquisition effects of one scan."""
    protocol = settings.protocols[int(rng.integers(len(settings.protocols)))]
    letters = [DIRECTIONS[axis][rng.integers(2)] for axis in rng.permutation(3)]
    return RawSession(
        protocol=protocol,
        orientation="".join(letters),
        gain=float(np.exp(settings.gain * normal(rng))),
        bias=settings.bias * rng.uniform(-1, 1, 9),
        shift_mm=_within(rng, settings.shift_mm),
        turn_degrees=_within(rng, settings.turn_degrees),
        off_centre_mm=_within(rng, settings.centring_mm) - [0, 0, BELOW_MM],
    )


def _within(rng: Generator, largest: float) -> Matrix:
    """Three numbers, rounded as they are written, so that the written values were used."""
    return np.asarray((largest * rng.uniform(-1, 1, 3)).round(3))
