"""Caches of what is expensive to compute, with keys of what determines it."""

import hashlib
import io
import threading
from collections.abc import Callable, Hashable
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
T = TypeVar("T")


class Files(Protocol):
    """A folder that keeps bytes by name, and never raises: what is lost is computed again."""

    def read(self, name: str) -> bytes | None:
        """The bytes that were written under a name; None if there are none, or they changed."""

    def write(self, name: str, content: bytes) -> None:
        """Keep bytes under a name, all or nothing."""


class VectorCache:
    """Vectors by key: in memory, or in files if they are given.

    A key must name everything that the vector depends on: content of the volumes, network, metric.
    """

    def __init__(self, files: Files | None = None) -> None:
        """Args: where vectors are stored; None keeps them in memory."""
        self._files = files
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
        if self._files is None:
            if key not in self._memory:
                self._memory[key] = compute()
            return self._memory[key]
        name = f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.npy"
        vector = _decoded(self._files.read(name))
        if vector is None:
            vector = compute()
            self._files.write(name, _encoded(vector))
        return vector


class Recent:
    """The values that were used last, by key, in memory: few, because they may be large."""

    def __init__(self, most: int) -> None:
        """Args: the number of values that are kept."""
        self._most = most
        self._values: dict[Hashable, Any] = {}  # in the order of their last use
        self._computing = threading.RLock()  # a value may be computed from another one

    def get(self, key: Hashable, compute: Callable[[], T]) -> T:
        """The value of a key, computed by one thread if it is not known."""
        with self._computing:
            value: T = self._values.pop(key) if key in self._values else compute()
            self._values[key] = value
            while len(self._values) > self._most:
                del self._values[next(iter(self._values))]
        return value


def _decoded(content: bytes | None) -> Vector | None:
    if content is None:
        return None
    try:
        return np.asarray(np.load(io.BytesIO(content), allow_pickle=False), np.float64)
    except (OSError, ValueError, EOFError, MemoryError):
        return None


def _encoded(vector: Vector) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.asarray(vector, np.float64), allow_pickle=False)
    return buffer.getvalue()
