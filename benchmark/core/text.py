"""Text from outside, made harmless: nothing in it acts on a terminal, a line or a spreadsheet."""

import re
from unicodedata import category, normalize

CONTROL = frozenset({"Cc", "Cs"})  # control characters, and bytes that are not UTF-8
UNSEEN = CONTROL | {"Cf", "Zl", "Zp"}  # and marks of direction, joiners, separators of lines
KEPT = "\n\t"  # of the project's own tables
FORMULA = "=+-@\t\r\n"  # a cell that begins so is computed by spreadsheets
BREAKS = re.compile(r"[\t\n\r\v\f\x1c-\x1e\x85\u2028\u2029]+")


def visible(text: str) -> str:
    r"""Text with an escape, such as ``\u001b``, for each character that is not seen.

    Line breaks and tabs stay. The escapes are those of JSON, so that JSON keeps its content.
    """
    if text.isprintable():
        return text
    return "".join(_visible(character) for character in text)


def one_line(text: str) -> str:
    """As ``visible``, and a space for each line break or tab."""
    return visible(BREAKS.sub(" ", text))


def escaped(character: str) -> str:
    r"""A character as ``\uXXXX``; two of them beyond U+FFFF, as in JSON."""
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4))


def begins_formula(text: str) -> bool:
    """Whether a spreadsheet would compute a cell: it begins like a formula and is no number."""
    first = text.lstrip(" ")[:1]
    return normalize("NFKC", first) in tuple(FORMULA) and not is_number(text)


def _visible(character: str) -> str:
    seen = character in KEPT or category(character) not in UNSEEN
    return character if seen else escaped(character)


def is_number(text: str) -> bool:
    """Whether Python reads a text as a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True
