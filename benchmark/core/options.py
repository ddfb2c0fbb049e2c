"""Options of the command line that list names or numbers with commas."""

from longibench.benchmark.core.errors import UserError


def names(option: str, text: str) -> tuple[str, ...]:
    """Read names with commas; none from an empty text.

    Args:
        option: Name of the option, for errors.
        text: Its value.

    Raises:
        UserError: A name is listed twice.
    """
    found = tuple(part.strip() for part in text.split(",") if part.strip())
    _refuse_repeated(option, found)
    return found


def whole_numbers(option: str, text: str, most: int) -> tuple[int, ...]:
    """Read whole numbers with commas, each from 0 to ``most``.

    Raises:
        UserError: Something else, none, a larger one, or one that is listed twice.
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts or not all(part.isascii() and part.isdigit() for part in parts):
        raise UserError(f"{option} {text}: write whole numbers with commas, such as 0,1,2")
    for part in parts:
        if len(part) > len(str(most)) or int(part) > most:
            raise UserError(f"{option} {text}: {part} is too large, {most} is the largest")
    numbers = tuple(map(int, parts))
    _refuse_repeated(option, tuple(map(str, numbers)))
    return numbers


def _refuse_repeated(option: str, listed: tuple[str, ...]) -> None:
    repeated = [item for item in listed if listed.count(item) > 1]
    if repeated:
        raise UserError(f"{option}: {repeated[0]} is listed twice; list it once")
