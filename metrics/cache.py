"""Cache of vectors that are expensive to compute, with keys of what determines them."""

import hashlib
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


class VectorCache:
    """Vectors by key: in memory, or in a folder if one is given.

    A key must name everything that the vector depends on: content of the volumes, network, metric.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """Args: the folder, created with the first vector; None keeps vectors in memory."""
        self._folder = folder
        self._memory: dict[str, Vector] = {}

    def get(self, key: str, compute: Callable[[], Vector]) -> Vector:
        """The vector of a key, computed if it is not known; a damaged file is ignored.

        The first caller computes it; two concurrent threads may both do so, with the same result.

        Returns:
            The vector in float64, read-only: it is shared.
        """
        vector = np.asarray(self._find(key, compute), np.float64)
        vector.setflags(write=False)
        return vector

    def _find(self, key: str, compute: Callable[[], Vector]) -> Vector:
        if self._folder is None:
            if key not in self._memory:
                self._memory[key] = compute()
            return self._memory[key]
        path = self._folder / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.npy"
        vector = _read(path)
        if vector is None:
            vector = compute()
            _write(path, np.asarray(vector, np.float64))
        return vector


def _read(path: Path) -> Vector | None:
    try:
        return np.asarray(np.load(path, allow_pickle=False), np.float64)
    except (OSError, ValueError, EOFError):
        return None


def _write(path: Path, vector: Vector) -> None:
    """Write a temporary file and rename it: readers see all or nothing. A full disk is ignored."""
    temporary = path.with_name(f".unfinished-{os.getpid()}-{threading.get_ident()}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            np.save(file, vector, allow_pickle=False)
        temporary.replace(path)
    except OSError:
        with suppress(OSError):
            temporary.unlink()
