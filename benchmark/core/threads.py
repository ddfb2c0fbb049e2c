"""One thread for sums whose last digits depend on the number of threads."""

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
