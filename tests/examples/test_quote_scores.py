"""Every number that a page quotes of the kept scores is the one that they give."""

import pytest
from quote_scores import QUOTATIONS, TOP, Quotation


@pytest.mark.parametrize("quotation", QUOTATIONS, ids=lambda its: its.name)
def test_a_page_has_what_the_scores_give(quotation: Quotation) -> None:
    begin, end = quotation.marks
    page = (TOP / quotation.page).read_text(encoding="utf-8")
    quoted, _, _ = page.partition(begin)[2].partition(end)
    assert quoted == quotation.make()
