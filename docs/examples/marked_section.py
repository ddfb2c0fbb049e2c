"""Replaces what a script writes into a page, between two marks."""

from pathlib import Path


def replace_section(page: Path, begin: str, end: str, text: str) -> None:
    """Replace what stands between two marks of a page; the marks stay.

    Raises:
        ValueError: The page does not have both marks, in this order.
    """
    head, first, rest = page.read_text(encoding="utf-8").partition(begin)
    _, last, tail = rest.partition(end)
    if not (first and last):
        raise ValueError(f"{page} needs the marks {begin.strip()} and {end.strip()}")
    page.write_text(f"{head}{begin}{text}{end}{tail}", encoding="utf-8")
