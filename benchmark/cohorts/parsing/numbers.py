"""Numbers as programs and people of all countries write them: ``70.5``, ``70,5``, ``1 234,5``."""

import re
from collections.abc import Sequence

SPACES = re.compile(r"(?<=\d)[ \u00a0\u2009\u202f'\u2019](?=\d{3}(?!\d))")  # between thousands
SIGN, POWER = r"[-+]?", r"(?:[eE][-+]?\d+)?"
PLAIN = re.compile(rf"{SIGN}(?:\d+\.?\d*|\.\d+){POWER}", re.ASCII)
COMMA = re.compile(rf"{SIGN}\d*,\d+{POWER}", re.ASCII)
PAIR = re.compile(r"\d,\d", re.ASCII)  # such as a genotype
AMBIGUOUS = re.compile(rf"{SIGN}[1-9]\d{{0,2}},\d{{3}}", re.ASCII)  # 1.234, or 1234?
DOTTED = re.compile(rf"{SIGN}[1-9]\d{{0,2}}\.\d{{3}}", re.ASCII)  # the same beside commas
COMMA_GROUPS = re.compile(rf"{SIGN}\d{{1,3}}(?:(?:,\d{{3}})+\.\d+|(?:,\d{{3}}){{2,}})", re.ASCII)
DOT_GROUPS = re.compile(rf"{SIGN}\d{{1,3}}(?:(?:\.\d{{3}})+,\d+|(?:\.\d{{3}}){{2,}})", re.ASCII)


class DoubtedNumber(str):
    """A ``1.234`` that may be 1234: text like any other, but no number."""

    __slots__ = ()


def parse_number(text: str) -> float | None:
    """The value of a number, None if it is none or ambiguous.

    ``70,5`` is 70.5; ``1,234.5`` and ``1 234,5`` are 1234.5. ``1,234`` alone is ambiguous; its
    column may settle it (``settled``).
    """
    if isinstance(text, DoubtedNumber):
        return None
    bare = SPACES.sub("", text.strip().replace("\u2212", "-"))
    if PLAIN.fullmatch(bare):
        value = float(bare)
    elif COMMA_GROUPS.fullmatch(bare):
        value = float(bare.replace(",", ""))
    elif DOT_GROUPS.fullmatch(bare):
        value = float(bare.replace(".", "").replace(",", "."))
    elif COMMA.fullmatch(bare) and not AMBIGUOUS.fullmatch(bare):
        value = float(bare.replace(",", "."))
    else:
        return None
    return value if abs(value) < float("inf") else None


def settled(cells: Sequence[str]) -> Sequence[str]:
    """A column whose ambiguous numbers are rewritten if the others show what a comma means in it.

    ``1,234`` is 1.234 beside ``70,5``, and 1234 beside ``1,234.5``. Beside decimal commas,
    ``1.234`` is 1234 if another number has such groups; else it is marked, so that it is read as
    no number.
    """
    commas = [cell.strip() for cell in cells if "," in cell]
    if not commas:
        return cells
    decimal = any(_is_decimal(cell) for cell in commas)
    thousands = any(COMMA_GROUPS.fullmatch(cell) for cell in commas)
    if decimal == thousands:  # neither is known, or both
        return cells
    groups = any(DOT_GROUPS.fullmatch(cell) for cell in commas)
    return [_rewritten(cell.strip(), decimal, groups) for cell in cells]


def settled_columns(columns: Sequence[Sequence[str]], separator: str = "") -> list[Sequence[str]]:
    """Columns of one table, each ``settled``.

    If one has decimal commas, or semicolons separate them, ``1.234`` in another may be 1234: it is
    marked, so that it is read as no number, unless its column has decimal points such as ``70.5``.
    """
    known = [settled(cells) for cells in columns]
    if separator != ";" and not any(map(_has_decimals, columns)):
        return known
    return [cells if any("," in cell for cell in cells) else _doubted(cells) for cells in known]


def _has_decimals(cells: Sequence[str]) -> bool:
    """Whether a column has decimal commas; a pair of digits such as ``3,4`` is a list of two."""
    commas = {cell.strip() for cell in cells if "," in cell}
    return any(_is_decimal(cell) and not PAIR.fullmatch(cell) for cell in commas)


def _doubted(cells: Sequence[str]) -> Sequence[str]:
    dotted = [cell.strip() for cell in cells if "." in cell]
    points = any(PLAIN.fullmatch(cell) and not DOTTED.fullmatch(cell) for cell in dotted)
    if points or not any(DOTTED.fullmatch(cell) for cell in dotted):
        return cells
    bare = [cell.strip() for cell in cells]
    return [DoubtedNumber(cell) if DOTTED.fullmatch(cell) else cell for cell in bare]


def _is_decimal(cell: str) -> bool:
    certain = COMMA.fullmatch(cell) and not AMBIGUOUS.fullmatch(cell)
    return bool(certain or DOT_GROUPS.fullmatch(cell))


def _rewritten(cell: str, decimal: bool, groups: bool) -> str:
    if AMBIGUOUS.fullmatch(cell):
        return cell.replace(",", "." if decimal else "")
    if decimal and DOTTED.fullmatch(cell):
        return cell.replace(".", "") if groups else DoubtedNumber(cell.strip())
    return cell
