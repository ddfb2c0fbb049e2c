"""Sections that scripts write stand between marks that stay, and nothing else changes."""

from pathlib import Path

import pytest
from marked_section import replace_section

BEGIN, END = "<!-- table -->", "<!-- end -->"


def test_what_stands_between_the_marks_is_replaced(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before {BEGIN}old{END} after {END}", encoding="utf-8")
    replace_section(page, BEGIN, END, "new")
    assert page.read_text(encoding="utf-8") == f"before {BEGIN}new{END} after {END}"


@pytest.mark.parametrize("text", ["none", BEGIN, END, f"{END}{BEGIN}"])
def test_a_page_without_both_marks_is_refused_and_stays(tmp_path: Path, text: str) -> None:
    page = tmp_path / "page.md"
    page.write_text(text, encoding="utf-8")
    with pytest.raises(
        ValueError, match=r"page\.md needs the marks <!-- table --> and <!-- end -->"
    ):
        replace_section(page, BEGIN, END, "new")
    assert page.read_text(encoding="utf-8") == text
