"""Being asked to stop: Ctrl-C, and the signals by which a scheduler takes a machine away."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)

INTERRUPTED = 130  # exit status after Ctrl-C
RESUMABLE = os.EX_TEMPFAIL  # exit status where the system stopped the run: the same command goes on


class Stopped(KeyboardInterrupt):
    """Work ended because it was asked to; what is finished is kept, and the same goes on."""

    def __init__(self, number: int = signal.SIGINT) -> None:
        """Args: the signal that asked for it."""
        super().__init__(signal.Signals(number).name)
        self.signal = signal.Signals(number)

    @property
    def status(self) -> int:
        """Exit status that tells a user's Ctrl-C from a scheduler's signal."""
        return INTERRUPTED if self.signal == signal.SIGINT else RESUMABLE


class Interruption:
    """Whether the process was asked to stop, and by which signal (0: not yet)."""

    number = 0

    @property
    def requested(self) -> bool:
        """Whether to stop at the next good place."""
        return self.number != 0


@contextmanager
def interruptible() -> Iterator[Interruption]:
    """Turn the first signal of ``SIGNALS`` into a flag: work can then stop between two steps.

    A second one raises ``Stopped`` at once.
    """
    interruption = Interruption()

    def note(number: int) -> None:
        if interruption.requested:
            raise Stopped(number)
        interruption.number = number

    with _handled(note):
        yield interruption


@contextmanager
def stoppable() -> Iterator[None]:
    """Raise ``Stopped`` at once on a signal of ``SIGNALS``: where nothing half-done can be left."""

    def stop(number: int) -> None:
        raise Stopped(number)

    with _handled(stop):
        yield


@contextmanager
def _handled(handle: Callable[[int], None]) -> Iterator[None]:
    """Answer the signals to this process; Python lets its main thread alone do so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    owner = os.getpid()

    def answer(number: int, frame: FrameType | None) -> None:
        # a forked worker reads on while the process that it reads for comes to its end: systems
        # signal all processes of a job at once
        if os.getpid() == owner:
            handle(number)

    previous = {number: signal.signal(number, answer) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
