import os
import signal
import time

import pytest

from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.process_pool import count_workers, run_parallel


def test_results_of_several_processes_come_back() -> None:
    values = list(run_parallel(abs, [-1, -2, -3], 2))
    assert sorted(values) == [1, 2, 3]


def test_a_process_that_dies_is_explained() -> None:
    with pytest.raises(UserError, match=r"lack of memory.*same command continues"):
        list(run_parallel(os._exit, [9], 1))


def test_an_interruption_ends_the_processes() -> None:
    began = time.monotonic()
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, 3)
    with pytest.raises(KeyboardInterrupt):
        list(run_parallel(time.sleep, [60, 60], 2))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    assert time.monotonic() - began < 30


def test_workers_are_no_more_than_tasks() -> None:
    assert count_workers(0, 1) == 1
    assert count_workers(8, 3) == 3
    assert 1 <= count_workers(0, 1000) <= (os.cpu_count() or 1)
