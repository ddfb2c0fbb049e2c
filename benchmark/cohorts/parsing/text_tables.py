"""Reads the text of a table: which separator it has, and its rows."""

import csv
import re
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

from longibench.benchmark.cohorts.parsing.encodings import FALLBACK, decoded
from longibench.benchmark.cohorts.parsing.grids import (
    Grid,
    Line,
    header_place,
    unwrapped,
    with_header,
)
from longibench.benchmark.core.errors import UserError

SEPARATORS = ("\t", ";", ",", "|")
NAMED = re.compile(r'"?sep=(.)"?[;,\t|]*\r?\n?', re.IGNORECASE)  # Excel's first line
FORMULA = '="'  # Excel's ="002", see ``unwrapped``
SAMPLE = 50  # rows that decide about the separator
HEAD = 100_000  # bytes of a file that hold its header


def parse_text(path: Path, content: bytes, whole: bool = True) -> Grid:
    """A table from the bytes of a text file.

    Args:
        path: The file, for errors.
        content: Its bytes.
        whole: False if they are only the file's beginning: the last row may be cut.

    Raises:
        UserError: No text, no table, or a row with more cells than the header has.
    """
    text, encoding = decoded(path, content, whole)
    notes = []
    if encoding == FALLBACK:
        notes.append(
            f"{path.name}: not UTF-8; read as Windows' {FALLBACK} (if letters look wrong, save it "
            "as CSV UTF-8)"
        )
    if whole:
        _refuse_spaces(text, path)
    separator, above = _separator(text)
    try:
        lines = [line for line in _lines(text, separator, whole) if line.number > above]
    except csv.Error as error:
        raise UserError(
            f"{path}: cannot be read as a table: {error}; a quotation mark is not closed, or a "
            "cell is damaged"
        ) from error
    if not whole:
        return Grid(lines[header_place(lines)].cells if lines else [], [])
    if FORMULA in text:
        lines = [Line(line.number, [*map(unwrapped, line.cells)]) for line in lines]
    return with_header(lines, path, notes, separator)


def _lines(text: str, separator: str, strict: bool) -> Iterator[Line]:
    """Rows that are not empty; quotes are respected, spaces after separators are not cells'."""
    reader = csv.reader(
        StringIO(text, newline=""), delimiter=separator, strict=strict, skipinitialspace=True
    )
    for number, row in enumerate(reader, 1):
        if any(cell.strip() for cell in row):
            yield Line(number, row)


def _separator(text: str) -> tuple[str, int]:
    """The separator, and the number of rows that only name it."""
    if match := NAMED.match(text):
        return match[1], 1
    sample = text[:HEAD]
    fits = {sign: _fit(sample, sign) for sign in SEPARATORS if sign in sample}
    best = max(fits, key=lambda sign: fits[sign], default=",")
    return best if fits and fits[best][1] else ",", 0


def _fit(text: str, separator: str) -> tuple[float, int]:
    """How well a separator divides the first rows into the header's columns."""
    lines: list[Line] = []
    try:
        for line in _lines(text, separator, strict=False):
            lines.append(line)
            if len(lines) > SAMPLE:
                break
    except csv.Error:
        return 0.0, 0
    if not lines:
        return 0.0, 0
    place = header_place(lines)
    columns, below = len(lines[place].cells), lines[place + 1 :]
    fitting = sum(1 < len(line.cells) <= columns + 1 for line in below)
    share = fitting / len(below) if below else 1.0
    return (columns - 1) * share, columns - 1


def _refuse_spaces(text: str, path: Path) -> None:
    """Refuse a table without separators whose rows have as many words as its header, or one more.

    Raises:
        UserError: With the remedy.
    """
    lines = [line for line in text[:HEAD].splitlines()[:SAMPLE] if line.strip()]
    tabs = any("\t" in line for line in lines)  # the first line may be a title
    if len(lines) < 2 or tabs or any(sign in lines[0] for sign in SEPARATORS):
        return
    header, *below = (len(line.split()) for line in lines)
    if header > 1 and {*below} in ({header}, {header + 1}):  # R's names of rows are one more
        raise UserError(
            f"{path}: cannot be read as a table: spaces separate its columns; separate them by "
            "commas or tabs"
        )
