"""A volume for metrics: voxels, their size, and cached values derived from them."""

import hashlib
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Volume = NDArray[np.float32]
Labels = NDArray[np.int32]
Displacement = NDArray[np.float32]
Spacing = tuple[float, float, float]

T = TypeVar("T")


@dataclass(frozen=True)
class Truth:
    """What was simulated at a visit of a phantom; for people it is unknown.

    Attributes:
        clean: The anatomy of the visit without noise, (X, Y, Z) in [-1, 1], in the position,
            contrast and intensity scaling of the source: clean minus the source's clean is the
            change of anatomy alone.
        volumes_ml: True volumes, such as ``brain`` and ``ventricle``.
        displacement: From a point of the visit's anatomy to the place of that tissue in the source,
            (3, X, Y, Z) in mm; None if it was not read.
    """

    clean: Volume
    volumes_ml: Mapping[str, float]
    displacement: Displacement | None = None

    @cached_property
    def content(self) -> str:
        """Digest of all of it."""
        parts = [_bytes(self.clean), repr(sorted(self.volumes_ml.items())).encode()]
        parts += [] if self.displacement is None else [_bytes(self.displacement)]
        return hashlib.sha256(b"|".join(parts)).hexdigest()


class Scan:
    """One volume and the values that metrics derive from it, each computed once.

    Attributes:
        voxels: Intensities (X, Y, Z) in [-1, 1], background -1.
        spacing_mm: Size of a voxel along each axis.
        labels: A label map on the same grid, such as SynthSeg's or FreeSurfer's, if there is one.
        real: Whether it is a real scan; some published FIDs treat real and generated differently.
        truth: What was simulated at the visit, for the real and for a generated scan of it; None
            for scans of people.
        displacement: The deformation that a method declares for a generated volume,
            generated(x) = source(x + d(x)), (3, X, Y, Z) in mm; None if it declares none.
    """

    def __init__(
        self,
        voxels: Volume,
        spacing_mm: Spacing = (1.0, 1.0, 1.0),
        labels: Labels | None = None,
        *,
        real: bool = True,
        truth: Truth | None = None,
        displacement: Displacement | None = None,
    ) -> None:
        self.voxels = voxels
        self.spacing_mm = spacing_mm
        self.labels = labels
        self.real = real
        self.truth = truth
        self.displacement = displacement
        self._derived: dict[Hashable, Any] = {}

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels along each axis."""
        return self.voxels.shape

    @cached_property
    def content(self) -> str:
        """Digest of voxels and their size, independent of where the volume is stored."""
        header = f"{self.voxels.shape} {self.spacing_mm}".encode()
        return hashlib.sha256(header + _bytes(self.voxels)).hexdigest()

    def derive(self, key: Hashable, compute: Callable[["Scan"], T]) -> T:
        """The result of ``compute`` on this scan, cached under a key."""
        if key not in self._derived:
            self._derived[key] = compute(self)
        found: T = self._derived[key]
        return found

    def forget(self) -> None:
        """Clear the cache, through which two scans may refer to each other."""
        self._derived.clear()


def _bytes(values: NDArray[np.float32]) -> bytes:
    return np.ascontiguousarray(values, dtype=np.float32).tobytes()
