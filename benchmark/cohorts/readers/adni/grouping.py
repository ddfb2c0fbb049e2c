"""Which scans of a participant belong to one visit, and the names of visits."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from longibench.benchmark.cohorts.parsing.dates import month_label
from longibench.benchmark.cohorts.reader import FoundScan
from longibench.benchmark.cohorts.readers.adni.codes import entry_of

ENTRY_DAYS = 120  # screening and baseline are one visit within this time
SAME_CODE_DAYS = 90  # scans under one code are one visit; planned visits are 3 months apart
RESCAN_DAYS = 30  # without a code, only the time shows that a scan was repeated


@dataclass(frozen=True)
class Dated:
    """A scan before its visit has a name.

    Attributes:
        scan: The scan; its ``visit`` is not yet set.
        code: ADNI's visit code or long name, empty if unknown.
        phase: ``ADNI1`` to ``ADNI4``.
        processed: Whether it is one of LONI's processed versions.
    """

    scan: FoundScan
    code: str
    phase: str
    processed: bool = False


def name_visits(scans: Iterable[Dated]) -> list[FoundScan]:
    """Group the scans of one participant into visits and name these by elapsed time.

    Two scans belong to one visit if

    - they were made on the same day, or
    - both are of entry to the study (screening or baseline) and at most 120 days apart: ADNI plans
      one scan for both, or
    - their codes are known, the same and of the same phase, and they are at most 90 days apart:
      ADNI1 scanned some at 1.5 T and weeks later at 3 T, or
    - a code is not known, and they are at most 30 days apart: a scan was repeated.

    A visit's name is the month since the participant's first visit, ``M000``, ``M006``, ... from
    the days of the scans that will be taken, so that names never contradict dates; a second visit
    of one month is ``M006-2``.
    """
    visits: list[list[Dated]] = []
    for scan in sorted(scans, key=lambda one: (one.scan.days, one.scan.path)):
        candidates = (visit for visit in reversed(visits) if _belongs(scan, visit))
        visit = next(candidates, None)
        if visit is None:
            visits.append([scan])
        else:
            visit.append(scan)
    visits.sort(key=_day)
    return _named(visits)


def _belongs(scan: Dated, visit: list[Dated]) -> bool:
    """Whether a scan belongs to a visit whose scans are earlier or of the same day."""
    if any(one.scan.days == scan.scan.days for one in visit):
        return True
    first = visit[0]
    apart = scan.scan.days - first.scan.days
    if entry_of(first.code) and entry_of(scan.code):
        return apart <= ENTRY_DAYS
    if not first.code or not scan.code:
        return apart <= RESCAN_DAYS
    return apart <= SAME_CODE_DAYS and (first.code, first.phase) == (scan.code, scan.phase)


def taken_of(scans: Iterable[FoundScan]) -> list[FoundScan]:
    """The scan of each visit that will be taken: the smallest preference, then the earliest."""
    visits: dict[str, FoundScan] = {}
    for scan in sorted(scans, key=_order):
        visits.setdefault(scan.visit, scan)
    return list(visits.values())


def _order(scan: FoundScan) -> tuple[object, ...]:
    return scan.preference, scan.days, scan.path


def _day(visit: list[Dated]) -> float:
    """The day of the scan that will be taken."""
    return min((one.scan for one in visit), key=_order).days


def _named(visits: list[list[Dated]]) -> list[FoundScan]:
    named: list[FoundScan] = []
    times: dict[str, int] = {}
    for visit in visits:
        month = month_label(_day(visit) - _day(visits[0]))
        times[month] = times.get(month, 0) + 1
        label = month if times[month] == 1 else f"{month}-{times[month]}"
        named += [replace(one.scan, visit=label) for one in visit]
    return named
