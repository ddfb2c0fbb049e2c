"""From everything that was found to a cohort: one scan per visit, in order of time."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pandas as pd

from longibench.benchmark.cohorts.parsing.dates import YEAR
from longibench.benchmark.cohorts.parsing.plausible import label_years, out_of_order
from longibench.benchmark.cohorts.presence import refuse_shared_files
from longibench.benchmark.cohorts.reader import (
    LISTED_TWICE,
    NOT_ON_DISK,
    NOT_TAKEN,
    ONLY_SCAN,
    SAME_DAY,
    Covariates,
    FoundScan,
    LeftOut,
    Listing,
)
from longibench.benchmark.cohorts.subject_ids import canonical_visit
from longibench.benchmark.cohorts.time_checks import (
    TOO_LONG,
    impossible_times,
    time_notes,
    without_impossible_ages,
    without_impossible_mmse,
)
from longibench.benchmark.cohorts.visit_table import COVARIATES, LEFT_OUT, Cohort, visit_table
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.names import category_name, check_name, check_text


def assemble(listing: Listing, name: str, where: Path) -> Cohort:
    """Choose one scan per visit, sort visits by time, and add covariates.

    Args:
        listing: What a reader found.
        name: How the user named the cohort.
        where: The folder or file that an error should name.

    Returns:
        The cohort of all subjects with two or more visits.

    Raises:
        UserError: Nothing usable, a name that the rule refuses, one file under two subjects or
            visits, or visits whose labels contradict their dates.
    """
    left_out = list(listing.left_out)
    found = [_named(scan, where) for scan in listing.scans]
    refuse_shared_files(found, "subjects", lambda scan: scan.subject, where)
    kept: list[FoundScan] = []
    at_source: dict[str, Covariates] = {}  # by subject
    for scans in _by(found, lambda scan: scan.subject).values():
        visits = _one_each(scans, lambda scan: canonical_visit(scan.visit), NOT_TAKEN, left_out)
        visits = _one_each(visits, lambda scan: round(scan.days, 6) // 1, SAME_DAY, left_out)
        visits.sort(key=lambda scan: scan.days)
        if problem := impossible_times(visits):
            left_out += [LeftOut(scan.subject, scan.visit, TOO_LONG, problem) for scan in visits]
            continue
        _refuse_disorder(visits, where)
        if len(visits) > 1:
            kept += visits
            at_source[visits[0].subject] = _at_source(visits[0])
        else:
            left_out += [LeftOut(scan.subject, scan.visit, ONLY_SCAN) for scan in visits]
    if not kept:
        raise UserError(_why_empty(left_out, where))
    notes = time_notes(_by(kept, lambda scan: scan.subject).values())
    notes += without_impossible_ages(at_source) + without_impossible_mmse(kept)
    refuse_shared_files(kept, "visits", lambda scan: f"{scan.subject} {scan.visit}", where)
    return Cohort(
        name=name,
        visits=_table(kept, at_source, where),
        shareable=listing.shareable,
        left_out=pd.DataFrame([_cells(entry) for entry in left_out], columns=[*LEFT_OUT]),
        done=listing.done,
        space=listing.space,
        axes=listing.axes,
        notes=(*listing.notes, *notes),
    )


def _named(scan: FoundScan, where: Path) -> FoundScan:
    """The scan with subject and visit as ``check_name`` returns them."""
    path = check_text(str(scan.path), "path", where)
    place = f"{where}, scan {path}"
    subject = check_name(scan.subject, "subject", place)
    visit = check_name(scan.visit, "visit", place)
    if (subject, visit) == (scan.subject, scan.visit):
        return scan
    return replace(scan, subject=subject, visit=visit)


def _by(scans: Iterable[FoundScan], key: Callable[[FoundScan], object]) -> dict[object, list]:
    groups: dict[object, list[FoundScan]] = defaultdict(list)
    for scan in scans:
        groups[key(scan)].append(scan)
    return groups


def _one_each(
    scans: list[FoundScan],
    key: Callable[[FoundScan], object],
    reason: str,
    left_out: list[LeftOut],
) -> list[FoundScan]:
    """The preferred scan of each group; the others are left out for a reason."""
    chosen = []
    for candidates in _by(scans, key).values():
        if len(candidates) == 1:
            chosen += candidates
            continue
        best, *others = sorted(candidates, key=lambda scan: (scan.preference, scan.days, scan.path))
        chosen.append(best)
        for other in others:
            repeated = other.path == best.path
            detail = str(other.path) if repeated else f"{other.path}: {best.path.name} instead"
            left_out.append(
                LeftOut(other.subject, other.visit, LISTED_TWICE if repeated else reason, detail)
            )
    return chosen


def _refuse_disorder(visits: list[FoundScan], where: Path) -> None:
    """Labels that count months or days must not contradict the order of the dates."""
    times = {scan.visit: scan.days for scan in visits}
    if pair := out_of_order(times, label_years(times)):
        raise UserError(
            f"{where}: subject {visits[0].subject}: visit {pair[1]} is dated after {pair[0]}: a "
            "follow-up would come before its source; correct the dates or the labels"
        )


def _at_source(first: FoundScan) -> Covariates:
    """A subject's covariates, as known at the first visit."""
    known = dict(first.covariates)
    if known.get("group") is None:
        known["group"] = known.get("diagnosis")
    return known


def _table(scans: list[FoundScan], at_source: dict[str, Covariates], where: Path) -> pd.DataFrame:
    """Covariates known at the source are the subject's; the others are each visit's."""
    of_subject = [at_source[scan.subject] for scan in scans]
    of_visit = [scan.covariates for scan in scans]
    covariates = {
        name: [
            _category(known.get(name))
            for known in (of_subject if covariate.at_source else of_visit)
        ]
        for name, covariate in COVARIATES.items()
    }
    table = pd.DataFrame(
        {
            "subject": [scan.subject for scan in scans],
            "visit": [scan.visit for scan in scans],
            "years": [scan.days / YEAR for scan in scans],
            "path": [str(scan.path) for scan in scans],
            **covariates,
            "labels": [str(scan.labels) if scan.labels else None for scan in scans],
        }
    )
    empty = [name for name in (*COVARIATES, "labels") if table[name].isna().all()]
    return visit_table(table.drop(columns=empty), str(where))


def _category(value: float | str | None) -> float | str | None:
    return category_name(value) if isinstance(value, str) else value


def _cells(entry: LeftOut) -> tuple[str, str, str, str]:
    return entry.subject, entry.visit, entry.reason, entry.detail


def _why_empty(left_out: list[LeftOut], where: Path) -> str:
    if not left_out:
        return f"{where}: no scan was found; 'python cli.py cohort auto:{where}' describes it"
    informative = [entry for entry in left_out if entry.reason != ONLY_SCAN] or left_out
    absent = [entry for entry in informative if entry.reason == NOT_ON_DISK]
    first = (absent or informative)[0]
    return (
        f"{where}: no subject has two usable scans; {first.subject or 'unknown'}"
        f"{', ' + first.visit if first.visit else ''}: {first.reason}"
        f"{f' (as {len(absent) - 1} more)' if len(absent) > 1 else ''}"
        f"{': ' + first.detail if first.detail else ''}"
    )
