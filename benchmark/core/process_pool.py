"""Work distributed over processes that end with the work, on Ctrl-C, or with their parent."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from longibench.benchmark.core.errors import UserError

Task = TypeVar("Task")
Result = TypeVar("Result")

WORKER_BYTES = 2 * 2**30  # memory that a worker may take


def count_workers(asked: int, tasks: int) -> int:
    """How many processes to use; 0 means one per core, as far as the memory allows."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    most = asked or min(_cores(), max(1, memory // WORKER_BYTES))
    return max(1, min(most, tasks))


def run_parallel(
    function: Callable[[Task], Result], tasks: Sequence[Task], workers: int
) -> Iterator[Result]:
    """Yield results as they are completed.

    Args:
        function: A function that a new process can import.
        tasks: Its arguments.
        workers: How many processes.

    Raises:
        UserError: A process was killed from outside; what it had stored is kept.
    """
    context = multiprocessing.get_context("spawn")  # a fork would copy threads' locked locks
    before = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin)
    try:
        for future in as_completed([pool.submit(function, task) for task in tasks]):
            yield future.result()
        pool.shutdown()
    except BrokenProcessPool as error:
        raise UserError(
            "a process that prepared scans was killed by the system, most likely for lack of "
            "memory; lower preparation.workers. Finished work is kept, and the same command "
            "continues."
        ) from error
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for child in set(multiprocessing.active_children()) - before:
            child.terminate()


def _cores() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _begin() -> None:
    """Make a worker ignore Ctrl-C, which its parent handles, and end with its parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=end_with_parent, daemon=True).start()


def end_with_parent() -> None:
    """End this process as soon as the one that started it has ended."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
