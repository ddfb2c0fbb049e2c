"""Work on subjects in parallel threads, in an order that does not depend on their number."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from threadpoolctl import threadpool_limits

from longibench.benchmark.core.console import Bar
from longibench.benchmark.core.process_pool import count_workers

Rows = list[dict[str, Any]]
T = TypeVar("T")


def in_threads(
    subjects: Sequence[Rows], work: Callable[[Rows], T], workers: int, bar: Bar
) -> list[T]:
    """Results in the order of the subjects; raises the first error in that order.

    Args:
        subjects: The rows of each.
        work: What is done with them.
        workers: Threads; 0 means one a core.
        bar: Advances by a subject's rows.
    """
    results = []
    with _one_thread_each(), ThreadPoolExecutor(count_workers(workers, len(subjects))) as pool:
        try:
            for rows, result in zip(subjects, pool.map(work, subjects), strict=True):
                results.append(result)
                bar.advance(len(rows))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return results


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Volumes are scored in parallel, each on one thread: the order of sums is fixed."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(before)
