"""The command line that was typed, as text that a shell takes."""

import shlex
from collections.abc import Sequence


def typed(arguments: Sequence[str]) -> str:
    """The command as a user types it, quoted for a shell.

    Args:
        arguments: ``sys.argv``.
    """
    program, *rest = arguments
    python = ["python"] if program.endswith(".py") else []
    return shlex.join([*python, program, *rest])
