"""A table as boxes of text, from which Markdown, LaTeX and the page are rendered."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Box:
    """One box of a table.

    Attributes:
        text: Its text.
        small: Small print under it, line by line.
        best: Printed bold.
        note: Number of a note; 0 for none.
        muted: Not measured here, printed pale if there are colours.
        letters: Printed small behind the text.
    """

    text: str
    small: tuple[str, ...] = ()
    best: bool = False
    note: int = 0
    muted: bool = False
    letters: str = ""


EMPTY = Box("")

Line = tuple[Box, ...]


@dataclass(frozen=True)
class Section:
    """Lines under a heading; an empty heading is not printed."""

    heading: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Printed:
    """A table ready to be printed.

    Attributes:
        number: Such as ``"II"``; empty for a table without one.
        title: What it shows.
        heads: One box per column; the first is above the lines' labels.
        sections: The lines, each with as many boxes as there are heads.
        caption: How to read it.
        notes: Numbered from one; boxes refer to them by number.
    """

    number: str
    title: str
    heads: Line
    sections: tuple[Section, ...]
    caption: str = ""
    notes: tuple[str, ...] = ()


class Notes:
    """Numbers notes in the order of their first use."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def number(self, text: str) -> int:
        """The number of a note; 0 for an empty one."""
        if not text:
            return 0
        if text not in self.texts:
            self.texts.append(text)
        return self.texts.index(text) + 1


def transposed(printed: Printed, corner: str, headings: tuple[str, ...]) -> Printed:
    """Transpose a table: columns that do not fit a page become lines.

    Args:
        printed: A table of one section.
        corner: The head of the lines' labels.
        headings: The section of each column except the first, in order; equal ones are adjacent.
    """
    _, *heads = printed.heads
    (section,) = printed.sections
    columns = list(zip(*section.lines, strict=True))
    lines = [(head, *column) for head, column in zip(heads, columns[1:], strict=True)]
    sections = tuple(
        Section(
            heading,
            tuple(line for line, own in zip(lines, headings, strict=True) if own == heading),
        )
        for heading in dict.fromkeys(headings)
    )
    return replace(printed, heads=(Box(corner), *columns[0]), sections=sections)
