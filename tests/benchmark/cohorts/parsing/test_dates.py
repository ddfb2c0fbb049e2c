"""Dates as programs and people write them."""

from datetime import date

import pytest

from longibench.benchmark.cohorts.parsing.dates import fitting_styles, parse_date


@pytest.mark.parametrize(
    "text",
    [
        *("2019-02-03", "2019/2/3", "2019-02-03 14:30", "2019-02-03T14:30:00Z", "20190203"),
        *("2019-02-03_14_30_00.0", "2/3/2019", "02/03/2019 2:30 PM", "3-Feb-2019", "03 Feb 2019"),
        *("3. February 2019", "Feb 3, 2019", "February 3rd, 2019", "03FEB2019", " 2019-02-03 "),
    ],
)
def test_a_date_is_read(text: str) -> None:
    assert parse_date(text) == date(2019, 2, 3)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("03.02.2019", "is not a date such as 2011-05-03.*write it as year-month-day"),
        ("03-02-2019", "write it as year-month-day"),
        ("03.02.19", "write the year with four digits"),
        ("3-Feb-19", "write the year with four digits"),
        ("40666", "Excel's number of a day: format the cells as dates"),
        ("13/2/2019", "no calendar day .slashes are month/day/year"),
        ("30-Feb-2019", "no calendar day"),
        ("3-Mai-2019", "no calendar day"),
        ("spring", "is not a date"),
    ],
)
def test_a_date_that_could_be_another_is_refused(text: str, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        parse_date(text)


@pytest.mark.parametrize(
    ("texts", "styles"),
    [
        (["03.02.2019", "28.02.2019"], ["%d.%m.%Y"]),
        (["03.02.2019", "04.02.2019 14:30"], ["%d.%m.%Y", "%m.%d.%Y"]),
        (["13/2/2019", "1/12/2019"], ["%d/%m/%Y"]),
        (["13/2/2019", "2/13/2019"], []),
        ([], []),
    ],
)
def test_formats_that_fit_all_dates_are_proposed(texts: list[str], styles: list[str]) -> None:
    assert fitting_styles(texts) == styles
    for style in styles:
        assert parse_date(texts[0], style).year == 2019
