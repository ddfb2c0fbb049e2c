"""Dates as the studies write them."""

import re
from datetime import date

YEAR = 365.25  # days
MONTHS = 12  # a year
ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?!\d)")  # also 2006-11-02_08_16_44.0 and ...T08:16
AMERICAN = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")
COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})")


def parse_date(text: str) -> date:
    """Read a date: ``2006-11-02`` with or without a time behind it, ``11/2/2006``, ``20061102``.

    Slashes are month/day/year, as LONI and AIBL write them.

    Raises:
        ValueError: It is none of these, or no day of the calendar.
    """
    stripped = text.strip()
    if match := ISO.match(stripped) or COMPACT.fullmatch(stripped):
        year, month, day = (int(part) for part in match.groups())
    elif match := AMERICAN.match(stripped):
        month, day, year = (int(part) for part in match.groups())
    else:
        raise ValueError(f"'{text}' is not a date such as 2011-05-03 or 5/3/2011")
    try:
        return date(year, month, day)
    except ValueError:
        raise ValueError(
            f"'{text}' is no day of the calendar (slashes are month/day/year)"
        ) from None


def month_label(days: float) -> str:
    """Label of a visit so many days after the first: ``M000``, ``M012``."""
    return f"M{round(days / YEAR * MONTHS):03d}"
