"""Vectors that were expensive to compute, kept by what determines them."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


class VectorCache:
    """Vectors by key: in memory, and in a folder where one is given.

    A key must name everything that the vector depends on: content of the volumes, network, metric.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """Args: the folder, made when the first vector is written; None keeps vectors in memory."""
        self._folder = folder
        self._memory: dict[str, Vector] = {}

    def get(self, key: str, compute: Callable[[], Vector]) -> Vector:
        """The vector of a key, computed where it is not known; a damaged file counts as none."""
        if self._folder is None:
            if key not in self._memory:
                self._memory[key] = compute()
            return self._memory[key]
        path = self._folder / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.npy"
        vector = _read(path)
        if vector is None:
            vector = np.asarray(compute(), np.float64)
            _write(path, vector)
        return vector


def _read(path: Path) -> Vector | None:
    try:
        return np.asarray(np.load(path, allow_pickle=False), np.float64)
    except (OSError, ValueError, EOFError):
        return None


def _write(path: Path, vector: Vector) -> None:
    """Write beside and rename: a reader sees all of it or nothing. A full disk costs only time."""
    temporary = path.with_name(f".unfinished-{os.getpid()}-{id(vector)}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            np.save(file, vector, allow_pickle=False)
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
