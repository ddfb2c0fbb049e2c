"""Replaces what a script writes into a page, between two marks."""

from pathlib import Path


def replace_section(page: Path, begin: str, end: str, text: str) -> None:
    """Replace what stands between two marks of a page; the marks stay."""
    head, _, rest = page.read_text(encoding="utf-8").partition(begin)
    tail = rest.partition(end)[2]
    page.write_text(f"{head}{begin}{text}{end}{tail}", encoding="utf-8")
