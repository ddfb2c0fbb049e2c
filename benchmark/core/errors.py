"""Errors that a user can fix: shown as one line (or a list), exit code 2, no traceback."""

from collections.abc import Iterable
from difflib import get_close_matches

from longibench.benchmark.core.text import one_line, visible

LONGEST = 200  # characters of a value that a message repeats


class UserError(Exception):
    """What was wrong, where (file, row, column), and what to do about it."""

    def __str__(self) -> str:
        """The message on one line, also if a library's message in it has several, and visible."""
        lines = [line.strip() for line in super().__str__().splitlines()]
        return visible("; ".join(line for line in lines if line))


class ListedError(UserError):
    """Several things that are wrong with one input, numbered, each on its own line."""

    def __init__(self, what: str, problems: Iterable[str], remarks: Iterable[str] = ()) -> None:
        """Args: what the problems are of, the problems, and what else is to be known."""
        self.problems, self.remarks = tuple(map(one_line, problems)), tuple(map(one_line, remarks))
        super().__init__(what)

    def __str__(self) -> str:
        """The whole list."""
        numbered = [f"  ({place}) {text}" for place, text in enumerate(self.problems, 1)]
        remarks = [f"  note: {text}" for text in self.remarks]
        return "\n".join([super().__str__(), *numbered, *remarks])


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
    return UserError(f"unknown {what} '{shortened(given)}'.{hint} Available: {', '.join(names)}")


def shortened(text: str) -> str:
    """A value for a message: the middle of a long one is left out."""
    if len(text) <= LONGEST:
        return text
    half = LONGEST // 2
    return f"{text[:half]}...{text[-half:]} ({len(text):,} characters)"


def of_system(error: Exception) -> UserError | None:
    """The error for what the system refused: memory, a path, a file that may not be read.

    Returns:
        None for any other error, which is a fault of the program.
    """
    if _out_of_memory(error):
        return UserError(
            "the memory of this machine is not sufficient; choose a smaller grid, smaller batches "
            f"or fewer workers ({shortened(str(error) or type(error).__name__)})"
        )
    if not isinstance(error, OSError):
        return None
    where = f"{shortened(str(error.filename))}: " if error.filename else ""
    reason = error.strerror or shortened(str(error)) or type(error).__name__
    return UserError(f"{where}{reason}; check the path and its permissions")


def _out_of_memory(error: Exception) -> bool:
    """Torch raises a RuntimeError, of a class of its own on a GPU only."""
    if isinstance(error, MemoryError):
        return True
    text = f"{type(error).__name__}: {error}"
    return "OutOfMemoryError" in text or "can't allocate memory" in text
