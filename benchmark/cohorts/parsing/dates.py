"""Dates as the studies write them."""

import re
from datetime import date
from typing import Literal

Unit = Literal["date", "days", "months", "years", "age"]

YEAR = 365.25  # days
MONTHS = 12  # a year
ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?!\d)")  # also 2006-11-02_08_16_44.0 and ...T08:16
AMERICAN = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")
COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})")

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


def parse_date(text: str) -> date:
    """Read a date: ``2006-11-02``, optionally followed by a time, ``11/2/2006``, ``20061102``.

    Slashes are month/day/year, as LONI and AIBL write them.

    Raises:
        ValueError: It is none of these, or no calendar day.
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
        raise ValueError(f"'{text}' is no calendar day (slashes are month/day/year)") from None


def month_label(days: float) -> str:
    """Label of a visit by its days after the first one: ``M000``, ``M012``."""
    return f"M{round(days / YEAR * MONTHS):03d}"
