import os
import signal
import threading

import pytest

from longibench.benchmark.core.signals import SIGNALS, Stopped, interruptible, stoppable


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_is_noted_and_the_second_interrupts(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with interruptible() as interruption:
        assert not interruption.requested
        os.kill(os.getpid(), number)
        assert interruption.requested
        assert interruption.number == number
        with pytest.raises(Stopped):
            os.kill(os.getpid(), number)
    assert signal.getsignal(number) is before


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 75), (signal.SIGUSR1, 75)]
)
def test_the_exit_status_tells_the_user_from_the_system(
    number: signal.Signals, status: int
) -> None:
    with pytest.raises(KeyboardInterrupt) as caught, stoppable():
        os.kill(os.getpid(), number)
    assert isinstance(caught.value, Stopped)
    assert caught.value.status == status


def test_a_forked_worker_leaves_signals_to_its_parent() -> None:
    with interruptible() as interruption:
        child = os.fork()
        if child == 0:
            for number in SIGNALS:
                os.kill(os.getpid(), number)
                os.kill(os.getpid(), number)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        assert not interruption.requested


def test_another_thread_cannot_be_told_and_goes_on() -> None:
    seen: list[bool] = []

    def work() -> None:
        with interruptible() as interruption:
            seen.append(interruption.requested)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [False]
