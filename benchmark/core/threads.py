"""Threads: one for sums whose last digits depend on their number, short turns for many calls."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def one_thread() -> Iterator[None]:
    """Limit SimpleITK to one thread."""
    import SimpleITK

    threads = SimpleITK.ProcessObject.GetGlobalDefaultNumberOfThreads()
    SimpleITK.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    try:
        yield
    finally:
        SimpleITK.ProcessObject.SetGlobalDefaultNumberOfThreads(threads)


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Limit torch to one thread."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def short_turns(seconds: float = 0.0005) -> Iterator[None]:
    """Let threads of many short calls take turns often: each waits for Python's lock after a call.

    Args:
        seconds: How long a thread may keep the lock while another one waits.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(seconds)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
