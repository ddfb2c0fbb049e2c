"""Giving memory back: what large arrays leave behind in the allocator of several threads."""

import ctypes
import sys


def give_back() -> None:
    """Hand freed memory back to the system, where the C library can (glibc's ``malloc_trim``).

    Arrays of some megabytes that come and go in several threads leave holes in each thread's
    arena; the process would grow with the number of volumes, though nothing is kept.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (OSError, AttributeError):  # another C library
        return
