import os
import signal

import pytest
import torch
from torch.multiprocessing.spawn import ProcessRaisedException

from benchmark.engine import _told_by_processes, interruptible, launch
from benchmark.errors import UserError
from benchmark.settings import DeviceSettings


def test_threads_are_as_asked_for_while_the_work_lasts() -> None:
    before = torch.get_num_threads()
    seen: list[int] = []

    def work(fabric: object, word: str) -> None:
        seen.append(torch.get_num_threads())
        assert word == "word"

    launch(DeviceSettings(accelerator="cpu", threads=3), work, "word")
    assert seen == [3]
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_noted_and_the_second_interrupts(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with interruptible() as interruption:
        assert not interruption.requested
        os.kill(os.getpid(), number)
        assert interruption.requested
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
    assert signal.getsignal(number) is before


def test_a_users_error_in_another_process_stays_one() -> None:
    text = (
        "Traceback (most recent call last):\n  line\nbenchmark.errors.UserError: no disk; buy one\n"
    )
    with pytest.raises(UserError, match=r"^no disk; buy one$"), _told_by_processes():
        raise ProcessRaisedException(text, 0, 1)
    with pytest.raises(ProcessRaisedException), _told_by_processes():
        raise ProcessRaisedException("ValueError: a bug", 0, 1)
