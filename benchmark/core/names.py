"""The rule for names from outside: subjects, visits, methods, metrics, readers, cohorts.

A name is checked once, where it enters; docs/cohorts.md states the rule. It is encoded wherever it
becomes part of a file's name.
"""

import re
from collections.abc import Set
from pathlib import Path
from unicodedata import category, normalize
from urllib.parse import quote

from longibench.benchmark.core.errors import UserError, shortened
from longibench.benchmark.core.files import digest
from longibench.benchmark.core.text import CONTROL, UNSEEN, begins_formula, one_line

LONGEST = 100  # characters of a name
PART = 90  # bytes of a name in a file's name: with two of them, it stays below 255 bytes
CUT = "~"  # before the digest of a name that was cut, and in no other encoded name
SLASHED_DATE = re.compile(r"(\d{1,4})/(\d{1,2})/(\d{1,4})(?!/)")  # a visit named by its day
ORDINARY = re.compile(rf"\w[\w.-]{{0,{LONGEST - 1}}}", re.ASCII)
ADVICE = "use another one, such as one of letters, digits, '.', '_' and '-'"


def check_name(text: object, what: str, where: object) -> str:
    """Check a name from outside against the rule.

    Args:
        text: The name.
        what: Kind of name, such as ``"subject"``, for the error.
        where: File, row or path that the name is from, for the error.

    Returns:
        The name as it is used: without surrounding space, a date such as 11/2/2006 with ``-`` for
        ``/``, and in Unicode's form NFC, so that an accent is the same for every system.

    Raises:
        UserError: It is empty, too long, begins with a dot or as a formula does, or contains a
            separator of paths or a character that is not seen.
    """
    if isinstance(text, str) and ORDINARY.fullmatch(text):
        return text
    name = _normalised(text) if isinstance(text, str) else text
    if problem := _problem(name):
        raise UserError(f"{where}: {what} '{shortened(one_line(str(name)))}' {problem}; {ADVICE}")
    return str(name)


def check_text(text: str, what: str, where: object) -> str:
    """Check text that is shown but is no name, such as a path: it must be readable.

    Raises:
        UserError: It contains a control character, or bytes that are not UTF-8.
    """
    if found := _first(text, CONTROL):
        raise UserError(
            f"{where}: {what} '{shortened(one_line(text))}' contains {found}; rename it"
        )
    return text


def category_name(text: str) -> str:
    """A category from outside, such as a diagnosis or a site, as it is shown and compared.

    Any text is one: it is in Unicode's form NFC and on one line, characters that are not seen are
    escaped, and one of more than ``LONGEST`` characters is cut and ends with its digest.
    """
    if text.isascii() and text.isprintable() and len(text) <= LONGEST:
        return text
    name = one_line(normalize("NFC", text)).strip()
    if len(name) <= LONGEST:
        return name
    mark = f"{CUT}{digest(text)}"
    return name[: LONGEST - len(mark)] + mark


def file_name_part(text: str) -> str:
    """A name as part of a file's name: ASCII letters, digits and ``. _ - % ~``.

    Other characters are percent-encoded. A name of more than ``PART`` bytes is cut and ends with
    its digest. Different names have different parts, ordinary names stay as they are.
    """
    part = quote(text, safe="").replace(CUT, "%7E")
    if len(part) <= PART:
        return part
    mark = f"{CUT}{digest(text)}"
    return part[: PART - len(mark)] + mark


def inside(folder: Path, name: str) -> Path:
    """The path of a name below a folder.

    Raises:
        UserError: The path would not be below the folder.
    """
    if not is_inside(name):
        raise UserError(f"{folder}: '{shortened(one_line(name))}' is not a path below it")
    return folder / name


def is_inside(name: str) -> bool:
    """Whether a relative path stays below the folder that it is joined to."""
    path = Path(name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts


def _normalised(text: str) -> str:
    name = normalize("NFC", text).strip()
    date = SLASHED_DATE.match(name)
    return f"{'-'.join(date.groups())}{name[date.end() :]}" if date else name


def _problem(name: object) -> str:
    if not isinstance(name, str):
        return "is not text"
    if not name:
        return "is empty"
    if len(name) > LONGEST:
        return f"is longer than {LONGEST} characters"
    if found := _first(name, UNSEEN):
        return f"contains {found}"
    if "\N{REPLACEMENT CHARACTER}" in name:
        return "contains the sign that replaces lost letters (U+FFFD)"
    if separator := next((mark for mark in "/\\" if mark in name), ""):
        return f"contains '{separator}', a separator of paths"
    if name.startswith("."):
        return "begins with a dot"
    return f"begins with '{name[0]}', as a formula does" if begins_formula(name) else ""


def _first(text: str, categories: Set[str]) -> str:
    """The first character of some categories, as words; empty if there is none."""
    if text.isprintable():
        return ""
    found = next((letter for letter in text if category(letter) in categories), "")
    if found and category(found) == "Cs":
        return "bytes that are not UTF-8"
    return f"the control character U+{ord(found):04X}" if found else ""
