"""A volume as metrics see it: voxels, their size, and whatever was derived from them already."""

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
    """One volume and what metrics derive from it, each computed once however many ask.

    Attributes:
        voxels: Intensities (X, Y, Z) in [-1, 1], background -1.
        spacing_mm: Size of a voxel along each axis.
        labels: A label map on the same grid, such as SynthSeg's or FreeSurfer's, if there is one.
        real: Whether a scanner made it; some published FIDs treat real and generated unlike.
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
        """Digest of voxels and their size: the same volume has the same, wherever it lies."""
        told = f"{self.voxels.shape} {self.spacing_mm}".encode()
        data = np.ascontiguousarray(self.voxels, dtype=np.float32)
        return hashlib.sha256(told + data.tobytes()).hexdigest()

    def derive(self, key: Hashable, compute: Callable[["Scan"], T]) -> T:
        """What ``compute`` makes of this scan, kept under a key that says what it is."""
        if key not in self._derived:
            self._derived[key] = compute(self)
        found: T = self._derived[key]
        return found

    def forget(self) -> None:
        """Drop what was derived: two scans may have kept each other with it."""
        self._derived.clear()
