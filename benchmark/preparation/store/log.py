"""The log of the preparation: a line for every finished scan."""

import os
from datetime import UTC, datetime
from pathlib import Path

from longibench.benchmark.core.workspace import PREPARATION_LOG


def log_scan(folder: Path, subject: str, visit: str, outcome: str, seconds: float) -> None:
    """Append ``time, subject, visit, outcome, seconds``, separated by tabs.

    Args:
        folder: The folder of the prepared volumes.
        subject: The subject's id.
        visit: The visit's label.
        outcome: ``prepared``, or the reason of a failure.
        seconds: Duration.
    """
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    line = "\t".join([now, subject, visit, " ".join(outcome.split()), f"{seconds:.2f}"]) + "\n"
    # One write of one line in append mode: lines of several processes do not mix.
    descriptor = os.open(folder / PREPARATION_LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)
