"""The command line that was typed: as text that a shell takes, and without its paths."""

import re
import shlex
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

HIDDEN = "PATH"  # in place of a path
# before a path: an option or a setting, a reader, weights by depth
_BEFORE = re.compile(r"(--?[\w-]+=)?([\w.]+=)?([\w-]+:)?([\w+-]+@)?")
_PATH = re.compile(r"[/\\]|^~")


def typed(arguments: Sequence[str]) -> str:
    """The command as a user types it, quoted for a shell.

    Args:
        arguments: ``sys.argv``.
    """
    program, *rest = arguments
    python = ["python"] if program.endswith(".py") else []
    return shlex.join([*python, program, *rest])


def without_paths(value: Any) -> Any:
    """Settings or other JSON values with ``PATH`` for each path: they show no folder of a user.

    What is before a path stays, such as the reader in ``bids:PATH``.
    """
    if isinstance(value, dict):
        return {key: without_paths(its) for key, its in value.items()}
    if isinstance(value, list):
        return [without_paths(its) for its in value]
    return _hidden(value) if isinstance(value, str) else value


def command_without_paths(command: str) -> str:
    """A command with ``PATH`` for each path; of the program its name stays.

    Returns:
        Empty if the command cannot be read: earlier versions recorded it without quotes.
    """
    try:
        words = shlex.split(command)
    except ValueError:
        return ""
    start = 2 if words[:1] == ["python"] else 1
    program = [PurePath(word).name for word in words[:start]]
    return " ".join([*program, *(_shown(word) for word in words[start:])])


def _hidden(text: str) -> str:
    found = _BEFORE.match(text)
    end = found.end() if found else 0
    return f"{text[:end]}{HIDDEN}" if _PATH.search(text[end:]) else text


def _shown(word: str) -> str:
    hidden = _hidden(word)
    return hidden if hidden != word else shlex.quote(word)
