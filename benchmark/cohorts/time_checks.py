"""Checks of every cohort's times: what cannot be true is left out, what is doubtful is reported."""

from collections.abc import Callable, Iterable
from datetime import date

from longibench.benchmark.cohorts.parsing.dates import YEAR
from longibench.benchmark.cohorts.parsing.plausible import (
    AGE_SLACK,
    LABEL_SLACK,
    LONGEST,
    OLDEST,
    disagree,
    era,
    label_years,
    too_long,
)
from longibench.benchmark.cohorts.reader import Covariates, FoundScan

FIRST_DATE, LAST_DATE = date(1700, 1, 1).toordinal(), date.max.toordinal()  # else days from entry
MOST_MMSE = 30
TOO_LONG = "times that cannot be true"
Times = dict[str, float]  # years by visit


def impossible_times(visits: list[FoundScan]) -> str:
    """Why a subject's times cannot be true; empty if they can.

    Args:
        visits: One scan for each visit, in order of time; at least one.
    """
    first, last = visits[0], visits[-1]
    if _era(first) != _era(last):
        return (
            f"{first.visit} and {last.visit}: one date is before MRI or in the future, the other "
            f"is not; correct the dates of {first.path} or {last.path}"
        )
    if not too_long(_times(visits)):
        return ""
    return (
        f"{(last.days - first.days) / YEAR:.0f} years from {first.visit} to {last.visit}, and more "
        f"than {LONGEST:g} cannot be between two MRI scans; correct the times of {first.path} or "
        f"{last.path}"
    )


def time_notes(subjects: Iterable[list[FoundScan]]) -> tuple[str, ...]:
    """Notes on subjects whose labels or ages contradict the times of their visits.

    Args:
        subjects: The visits of each subject.
    """
    groups = list(subjects)
    texts = (
        (_labels, LABEL_SLACK, "the labels of their visits, which count months or days"),
        (_ages, AGE_SLACK, "the ages at their visits"),
    )
    notes = (_note(groups, witness, slack, name) for witness, slack, name in texts)
    return tuple(note for note in (*notes, _shifted(groups)) if note)


def without_impossible_ages(people: dict[str, Covariates]) -> tuple[str, ...]:
    """Remove ages that cannot be true, with a note.

    Args:
        people: Covariates at the source by subject; they are changed.
    """
    wrong = [known for known in people.values() if not _possible(known.get("age"))]
    ages = [known.pop("age") for known in wrong]
    if not ages:
        return ()
    return (
        f"ages of {len(ages)} subjects are not between 0 and {OLDEST:g} years and count as "
        f"missing, such as {ages[0]}",
    )


def without_impossible_mmse(scans: list[FoundScan]) -> tuple[str, ...]:
    """Remove scores that cannot be true, such as 99 and other codes, with a note.

    Args:
        scans: Their covariates are changed.
    """
    scores = [scan.covariates.get("mmse") for scan in scans]
    wrong = [
        scan.covariates.pop("mmse")
        for scan, score in zip(scans, scores, strict=True)
        if isinstance(score, float | int) and not 0 <= score <= MOST_MMSE
    ]
    if not wrong:
        return ()
    return (
        f"MMSE of {len(wrong)} scans is not between 0 and {MOST_MMSE} and counts as missing, such "
        f"as {wrong[0]}",
    )


def _note(
    groups: list[list[FoundScan]],
    witness: Callable[[list[FoundScan]], Times],
    slack: float,
    name: str,
) -> str:
    """A note with the number of subjects and the first contradiction; no participant's id."""
    examples = []
    for visits in groups:
        years, other = _times(visits), witness(visits)
        if pair := disagree(years, other, slack):
            apart = [times[pair[1]] - times[pair[0]] for times in (years, other)]
            examples.append(f"{apart[0]:.1f} and {apart[1]:.1f} years from {pair[0]} to {pair[1]}")
    if not examples:
        return ""
    return f"times of {len(examples)} subjects contradict {name}, such as {examples[0]}: check both"


def _shifted(groups: list[list[FoundScan]]) -> str:
    count = sum(_era(visits[0]) != 0 for visits in groups)
    text = f"dates of {count} subjects are before MRI or in the future: only differences are used"
    return text if count else ""


def _era(scan: FoundScan) -> int:
    """The era of a scan's date; 0 on a clock that counts from the subject's first visit."""
    return era(date.fromordinal(int(scan.days))) if FIRST_DATE <= scan.days <= LAST_DATE else 0


def _times(visits: list[FoundScan]) -> Times:
    return {scan.visit: scan.days / YEAR for scan in visits}


def _labels(visits: list[FoundScan]) -> Times:
    return label_years(scan.visit for scan in visits)


def _ages(visits: list[FoundScan]) -> Times:
    """Ages of the visits, unless they are one age that is repeated."""
    known = {scan.visit: scan.covariates.get("age") for scan in visits}
    ages = {v: age for v, age in known.items() if isinstance(age, float) and _possible(age)}
    return ages if len(set(ages.values())) > 1 else {}


def _possible(age: float | str | None) -> bool:
    return not isinstance(age, float | int) or 0 <= age <= OLDEST
