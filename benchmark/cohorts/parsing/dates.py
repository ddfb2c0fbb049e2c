"""Dates as the studies write them."""

import re
from collections.abc import Iterable
from datetime import date, datetime
from typing import Literal

Unit = Literal["date", "days", "months", "years", "age"]

YEAR = 365.25  # days
MONTHS = 12  # a year
# also the beginning of 2006-11-02_08_16_44.0 and ...T08:16
ISO = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?!\d)")
AMERICAN = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")
COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})")
DAY_MONTH = re.compile(r"(\d{1,2})(?:st|nd|rd|th)?[ .-]*([A-Za-z]{3,9})[ .,-]*(\d{4})")
MONTH_DAY = re.compile(r"([A-Za-z]{3,9})[ .-]*(\d{1,2})(?:st|nd|rd|th)?(?:[ ,-]+)(\d{4})")
MONTH_NAMES = (
    *("january", "february", "march", "april", "may", "june", "july", "august", "september"),
    *("october", "november", "december"),
)
TIME_OF_DAY = re.compile(r"(?:,? +|T)\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)? ?(?:[AaPp][Mm]|Z)?$")
EXCEL_DAY = re.compile(r"[2-7]\d{4}(?:\.\d+)?")  # days since 1900: 1954 to 2119
SHORT_YEAR = re.compile(r"\d{1,2}[./ -](?:\d{1,2}|[A-Za-z]{3,9})[./ -]\d{2}")

# Columns of visit times, by unit, in order of reliability; names in the plain spelling.
TIME_COLUMNS: dict[Unit, tuple[str, ...]] = {
    "days": (
        "days_since_first",
        "days",
        "days_from_baseline",
        "days_since_baseline",
        "days_to_visit",
        "mr_delay",
    ),
    "date": (
        "acq_time",
        "acq_date",
        "scan_date",
        "scandate",
        "date",
        "examination_date",
        "examdate",
        "session_date",
        "study_date",
    ),
    "years": ("years_since_first", "years", "years_from_baseline", "years_since_baseline"),
    "months": (
        "months_since_first",
        "months",
        "month",
        "months_from_baseline",
        "months_since_baseline",
        "months_to_screening",
    ),
    "age": ("age", "age_at_scan", "age_at_session", "age_at_visit"),
}


# Formats (of ``strptime``) that a table may mean, for proposals.
FORMATS = (
    *("%d.%m.%Y", "%m.%d.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y"),
    *("%d %m %Y", "%d%m%Y", "%m%d%Y"),
)


def parse_date(text: str, style: str = "") -> date:
    """Read a date, optionally followed by a time of day.

    Args:
        text: ``2006-11-02``, ``2006/11/2``, ``11/2/2006``, ``20061102``, ``2-Nov-2006`` or
            ``Nov 2, 2006``. Slashes are month/day/year, as LONI and AIBL write them, unless the
            year is first.
        style: Its format in the signs of ``strptime``, such as ``%d.%m.%Y``; empty for the above.

    Raises:
        ValueError: It is none of these, or no calendar day; the message has the remedy.
    """
    bare = TIME_OF_DAY.sub("", text.strip())
    if style:
        return _styled(bare, style)
    parts = _parts(bare)
    if parts is None:
        raise ValueError(f"'{text}' is not a date such as 2011-05-03 or 5/3/2011{_remedy(bare)}")
    try:
        return date(*parts)
    except ValueError:
        raise ValueError(f"'{text}' is no calendar day (slashes are month/day/year)") from None


def checked_style(style: str) -> str:
    """A format of dates itself.

    Raises:
        ValueError: It does not describe a day, or has years of two digits.
    """
    day = date(2001, 2, 3)
    try:
        whole = "%y" not in style and _styled(day.strftime(style), style) == day
    except ValueError:
        whole = False
    if style and not whole:
        raise ValueError("write it as %d.%m.%Y or %m/%d/%Y, with a year of four digits")
    return style


def fitting_styles(texts: Iterable[str], *styles: str) -> list[str]:
    """Of some formats (``FORMATS`` if none is given) those that fit all of some texts."""
    bare = [TIME_OF_DAY.sub("", text.strip()) for text in texts]
    known = styles or FORMATS
    return [style for style in known if bare and all(_fits(text, style) for text in bare)]


def _parts(bare: str) -> tuple[int, int, int] | None:
    """Year, month and day as written; None if it is no date."""
    if match := ISO.match(bare) or COMPACT.fullmatch(bare):
        year, month, day = match.groups()
    elif match := AMERICAN.fullmatch(bare):
        month, day, year = match.groups()
    elif match := DAY_MONTH.fullmatch(bare):
        day, name, year = match.groups()
        month = str(_month(name))
    elif match := MONTH_DAY.fullmatch(bare):
        name, day, year = match.groups()
        month = str(_month(name))
    else:
        return None
    return int(year), int(month), int(day)


def _month(name: str) -> int:
    """A month by its English name, possibly shortened; 0 if it is none."""
    names = (month for month, full in enumerate(MONTH_NAMES, 1) if full.startswith(name.lower()))
    return next(names, 0)


def _styled(bare: str, style: str) -> date:
    try:
        return datetime.strptime(bare, style).date()
    except ValueError:
        raise ValueError(f"'{bare}' is not a date as {style} describes it") from None


def _fits(bare: str, style: str) -> bool:
    try:
        _styled(bare, style)
    except ValueError:
        return False
    return True


def _remedy(bare: str) -> str:
    if EXCEL_DAY.fullmatch(bare):
        return "; it may be Excel's number of a day: format the cells as dates before the export"
    if SHORT_YEAR.fullmatch(bare):
        return "; write the year with four digits"
    return "" if fitting_styles([bare]) == [] else "; write it as year-month-day"


def month_label(days: float) -> str:
    """Label of a visit by its days after the first one: ``M000``, ``M012``."""
    return f"M{round(days / YEAR * MONTHS):03d}"
