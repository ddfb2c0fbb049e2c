"""Freed memory of the C library's allocator: kept for the next step, or returned."""

import ctypes
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

# Parameters of glibc's mallopt, https://man7.org/linux/man-pages/man3/mallopt.3.html
TRIM_THRESHOLD, MMAP_THRESHOLD, MMAP_MAX = -1, -3, -4
KEEP = {MMAP_MAX: 0, TRIM_THRESHOLD: -1}  # all from the heap, none of it returned
# what glibc adapts to in a process that has freed a tensor of 32 MB
USUAL = {MMAP_MAX: 65536, MMAP_THRESHOLD: 32 << 20, TRIM_THRESHOLD: 64 << 20}


@contextmanager
def memory_kept(wanted: bool = True) -> Iterator[None]:
    """Let the C library keep freed memory until the context ends; then return it to the system.

    glibc asks the system for every tensor above 32 MB, and the system clears each of its pages at
    the first access: a quarter of a training step of the published Med-DDPM network. The allocator
    belongs to the process, so only one of these is open at a time. Without glibc nothing happens.

    Args:
        wanted: False does nothing.
    """
    library = _glibc() if wanted else None
    if library is None:
        yield
        return
    _set(library.mallopt, KEEP)
    try:
        yield
    finally:
        _set(library.mallopt, USUAL)
        library.malloc_trim(0)


def give_back() -> None:
    """Return freed memory to the system.

    Arrays of some megabytes that are allocated and freed in several threads leave holes in each
    thread's arena; the process would grow with the number of volumes, though nothing is kept.
    """
    library = _glibc()
    if library is not None:
        library.malloc_trim(0)


def _glibc() -> Any:
    """The C library of this process if it is glibc, else None."""
    try:
        library = ctypes.CDLL(None)
    except (OSError, TypeError):  # Windows, or no library to load
        return None
    return library if hasattr(library, "gnu_get_libc_version") else None


def _set(mallopt: Callable[[int, int], int], values: Mapping[int, int]) -> None:
    for parameter, value in values.items():
        mallopt(parameter, value)
