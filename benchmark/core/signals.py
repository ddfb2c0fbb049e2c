"""Requests to stop: Ctrl-C, and the signals by which a scheduler ends a job."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)

INTERRUPTED = 130  # exit status after Ctrl-C
RESUMABLE = os.EX_TEMPFAIL  # exit status if the system stopped the run: it can be resumed


class Stopped(KeyboardInterrupt):
    """Work ended on request; finished work is kept, and the same command continues."""

    def __init__(self, number: int = signal.SIGINT) -> None:
        """Args: the signal that requested it."""
        super().__init__(signal.Signals(number).name)
        self.signal = signal.Signals(number)

    @property
    def status(self) -> int:
        """Exit status that distinguishes a user's Ctrl-C from a scheduler's signal."""
        return INTERRUPTED if self.signal == signal.SIGINT else RESUMABLE


class Interruption:
    """Whether a stop was requested, and by which signal (0: not yet)."""

    number = 0

    @property
    def requested(self) -> bool:
        """Whether to stop at the next safe point."""
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
    """Raise ``Stopped`` at once on a signal of ``SIGNALS``: if no partial result can remain."""

    def stop(number: int) -> None:
        raise Stopped(number)

    with _handled(stop):
        yield


@contextmanager
def _handled(handle: Callable[[int], None]) -> Iterator[None]:
    """Handle the signals to this process; Python allows only its main thread to do so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    owner = os.getpid()

    def answer(number: int, frame: FrameType | None) -> None:
        # a forked worker keeps reading until the process that it reads for ends: systems
        # signal all processes of a job at once
        if os.getpid() == owner:
            handle(number)

    previous = {number: signal.signal(number, answer) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
