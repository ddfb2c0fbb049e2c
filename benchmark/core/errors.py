"""Errors that a user can fix: shown as one message, exit code 2, no traceback."""

from collections.abc import Iterable
from difflib import get_close_matches


class UserError(Exception):
    """What was wrong, where (file, row, column), and what to do about it."""


def unknown(what: str, given: str, known: Iterable[str]) -> UserError:
    """Build the error for a name that does not exist.

    Args:
        what: Kind of thing that was named, such as ``"method"``.
        given: The name as the user wrote it.
        known: All valid names.

    Returns:
        An error naming the nearest valid name, if there is one, and all valid names.
    """
    names = sorted(known)
    nearest = get_close_matches(given, names, n=1, cutoff=0.5)
    hint = f" Did you mean '{nearest[0]}'?" if nearest else ""
    return UserError(f"unknown {what} '{given}'.{hint} Available: {', '.join(names)}")
