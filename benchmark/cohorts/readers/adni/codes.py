"""ADNI's visit codes and phases, as far as they are reliable.

The codes v*, y*, init and 4_* count from the start of a phase, not from a participant's start: for
a participant who continues from ADNI1, ``v11`` or ``y1`` is not month 12. No code is used as time.
"""

import re
from datetime import date
from typing import Literal

Entry = Literal["", "screening", "baseline"]

SCREENING = frozenset({"sc", "f", "v01", "v02", "scmri", "4_sc"})
BASELINE = frozenset({"bl", "v03", "4_bl"})
PHASE = re.compile(r"adni[\s_-]*(go|[1-4])", re.IGNORECASE)
PHASE_OF_CODE = (
    (re.compile(r"v\d+|tau"), "ADNI2"),
    (re.compile(r"y\d+|init"), "ADNI3"),
    (re.compile(r"4_\w+"), "ADNI4"),
    (re.compile(r"scmri"), "ADNIGO"),
)
# The phase that most scans of a year belong to, for images that are in no table.
FIRST_YEARS = ((2022, "ADNI4"), (2017, "ADNI3"), (2011, "ADNI2"), (2010, "ADNIGO"), (0, "ADNI1"))


def entry_of(code: str) -> Entry:
    """Whether a visit is a screening or baseline visit, by which a participant enters the study.

    Args:
        code: Short (``Sc``, ``v02``) or long (``ADNI2 Screening MRI-New Pt``).
    """
    low = code.strip().lower()
    if low in SCREENING or "screening" in low:
        return "screening"
    return "baseline" if low in BASELINE or "baseline" in low else ""


def phase_of(code: str, phase: str = "") -> str:
    """``ADNI1``, ``ADNIGO``, ``ADNI2`` to ``ADNI4``; empty if neither specifies it.

    Args:
        code: Of the visit, short or long.
        phase: A table's phase or project, such as ``ADNI 2``.
    """
    for text in (phase, code):
        if match := PHASE.search(text):
            return f"ADNI{match[1].upper()}"
    low = code.strip().lower()
    return next((name for pattern, name in PHASE_OF_CODE if pattern.fullmatch(low)), "")


def phase_of_day(day: date) -> str:
    """The phase that most scans of that year belong to."""
    return next(name for year, name in FIRST_YEARS if day.year >= year)
