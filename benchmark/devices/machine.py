"""What this machine can do at once: settings are checked against it before any work."""

import os
from collections.abc import Mapping

from longibench.benchmark.core.errors import UserError
from longibench.benchmark.settings.schema import Settings

PER_CORE = 8  # threads or processes; more only wait for each other, and many end the process
ALWAYS = 16  # allowed on any machine


def check_machine(settings: Settings) -> None:
    """Check the numbers of threads and processes.

    Raises:
        UserError: More than this machine's cores can use.
    """
    require_cores(
        {
            "device.threads": settings.device.threads,
            "device.devices": settings.device.devices,
            "training.workers": settings.training.workers,
            "preparation.workers": settings.preparation.workers,
            "evaluation.workers": settings.evaluation.workers,
        }
    )


def require_cores(wanted: Mapping[str, int]) -> None:
    """Check numbers of threads or processes, by the names of their settings.

    Raises:
        UserError: More than this machine's cores can use.
    """
    cores = os.cpu_count() or 1
    most = max(ALWAYS, PER_CORE * cores)
    for key, number in wanted.items():
        if number > most:
            raise UserError(
                f"setting '{key}': at most {most} on this machine of {cores} cores (got {number})"
            )
