"""A volume for metrics: voxels, their size, and cached values derived from them."""

import hashlib
from collections.abc import Callable, Hashable
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Volume = NDArray[np.float32]
Labels = NDArray[np.int32]
Spacing = tuple[float, float, float]

T = TypeVar("T")


class Scan:
    """One volume and the values that metrics derive from it, each computed once.

    Attributes:
        voxels: Intensities (X, Y, Z) in [-1, 1], background -1.
        spacing_mm: Size of a voxel along each axis.
        labels: A label map on the same grid, such as SynthSeg's or FreeSurfer's, if there is one.
        real: Whether it is a real scan; some published FIDs treat real and generated differently.
    """

    def __init__(
        self,
        voxels: Volume,
        spacing_mm: Spacing = (1.0, 1.0, 1.0),
        labels: Labels | None = None,
        *,
        real: bool = True,
    ) -> None:
        self.voxels = voxels
        self.spacing_mm = spacing_mm
        self.labels = labels
        self.real = real
        self._derived: dict[Hashable, Any] = {}

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels along each axis."""
        return self.voxels.shape

    @cached_property
    def content(self) -> str:
        """Digest of voxels and their size, independent of where the volume is stored."""
        header = f"{self.voxels.shape} {self.spacing_mm}".encode()
        data = np.ascontiguousarray(self.voxels, dtype=np.float32)
        return hashlib.sha256(header + data.tobytes()).hexdigest()

    def derive(self, key: Hashable, compute: Callable[["Scan"], T]) -> T:
        """The result of ``compute`` on this scan, cached under a key."""
        if key not in self._derived:
            self._derived[key] = compute(self)
        found: T = self._derived[key]
        return found

    def forget(self) -> None:
        """Clear the cache, through which two scans may refer to each other."""
        self._derived.clear()
