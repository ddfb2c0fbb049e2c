"""From scans as found to volumes on the benchmark's grid, cached by content."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from benchmark.console import Console
from benchmark.errors import UserError
from benchmark.grid import Grid
from benchmark.preparation.store import Digests, Record, Store
from benchmark.preparation.subject import prepare_subject
from benchmark.preparation.traits import ScanTraits, Traits, cohort_traits, compare_traits
from benchmark.visits import Cohort

__all__ = ["Prepared", "Traits", "compare_traits", "prepare_cohort"]


@dataclass(frozen=True)
class Prepared:
    """A cohort on the grid.

    Attributes:
        table: The visit table with ``content`` (SHA256 of the scan's bytes) and ``volume`` (path
            of the prepared NIfTI: float32 in [-1, 1], RAS, in the scan's world coordinates).
        left_out: The cohort's ``left_out`` and the damaged scans, each with its reason.
        traits: What the scans are like.
    """

    table: pd.DataFrame
    left_out: pd.DataFrame
    traits: Traits


@dataclass(frozen=True)
class _Visit:
    """A scan on its way: ``record`` holds the outcome, once there is one."""

    row: int
    subject: str
    visit: str
    path: Path
    content: str
    source: str
    problem: str = ""


def prepare_cohort(cohort: Cohort, grid: Grid, folder: Path, console: Console) -> Prepared:
    """Prepare every scan of a cohort; what was prepared before is not even read.

    Args:
        cohort: The scans as found.
        grid: The benchmark's grid.
        folder: Where prepared volumes are kept, by content.
        console: For progress and for naming damaged scans.

    Returns:
        The prepared cohort. A damaged follow-up is left out; with a damaged first scan the whole
        subject is, for a later scan must not silently become the source.

    Raises:
        UserError: One scan stands twice, nothing usable is left, or writing failed.
    """
    store = Store(folder, grid)
    subjects = _subjects(cohort.visits, Digests(folder / "sha256.json"))
    _refuse_doubles(visit for visits in subjects for visit in visits)
    pending = [visits for visits in subjects if not all(_known(store, v) for v in visits)]
    if pending:
        for visits in console.track(pending, "preparing scans", len(pending)):
            _prepare(visits, store, grid)
    outcomes = [(visit, _outcome(store, visit)) for visits in subjects for visit in visits]
    return _gather(cohort, outcomes, store, console)


def _subjects(table: pd.DataFrame, digests: Digests) -> list[list[_Visit]]:
    """The scans by subject, in the order of time, with the digest of their bytes."""
    subjects = []
    for subject, rows in table.groupby("subject", sort=True):
        visits: list[_Visit] = []
        for row in rows.itertuples():
            path = Path(str(row.path))
            content, problem = digests.of(path)
            source = visits[0].content if visits else content
            visit = _Visit(
                int(str(row.Index)), str(subject), str(row.visit), path, content, source, problem
            )
            visits.append(visit)
        subjects.append(visits)
    digests.save()
    return subjects


def _refuse_doubles(visits: Iterable[_Visit]) -> None:
    seen: dict[str, _Visit] = {}
    for visit in visits:
        if visit.content and visit.content in seen:
            raise UserError(
                f"{visit.path} holds the same bytes as {seen[visit.content].path}: "
                "a scan stands twice; remove one of them"
            )
        seen[visit.content] = visit


def _known(store: Store, visit: _Visit) -> bool:
    return bool(visit.problem) or store.read(visit.content, visit.source) is not None


def _prepare(visits: list[_Visit], store: Store, grid: Grid) -> None:
    """Prepare one subject and store all outcomes."""
    if visits[0].problem:
        return
    readable = [visit for visit in visits if not visit.problem]
    results = prepare_subject([visit.path for visit in readable], grid)
    contents = [visit.content for visit in readable]
    store.write(visits[0].source, dict(zip(contents, results, strict=True)))


def _outcome(store: Store, visit: _Visit) -> Record:
    if visit.problem:
        return Record(reason=visit.problem)
    record = store.read(visit.content, visit.source)
    return record or Record(reason="the subject's first scan is damaged")


def _gather(
    cohort: Cohort, outcomes: list[tuple[_Visit, Record]], store: Store, console: Console
) -> Prepared:
    good = [visit for visit, record in outcomes if record.traits]
    counts = pd.Series([visit.subject for visit in good], dtype=object).value_counts()
    left_out: list[tuple[str, str, str]] = []
    kept: list[tuple[_Visit, ScanTraits]] = []
    for visit, record in outcomes:
        if record.traits is None:
            left_out.append((visit.subject, visit.visit, f"{visit.path} {record.reason}"))
            console.warn(f"left out: {visit.path} {record.reason}")
        elif counts[visit.subject] < 2:
            reason = "the subject's only usable scan: a pair needs two"
            left_out.append((visit.subject, visit.visit, reason))
        else:
            kept.append((visit, record.traits))
    if not kept:
        first = f"; {left_out[0][2]}" if left_out else ""
        raise UserError(f"cohort {cohort.name}: no subject has two usable scans{first}")
    table = cohort.visits.loc[[visit.row for visit, _ in kept]].reset_index(drop=True)
    table["content"] = [visit.content for visit, _ in kept]
    table["volume"] = [str(store.volume(visit.content, visit.source)) for visit, _ in kept]
    more = pd.DataFrame(left_out, columns=["subject", "visit", "reason"])
    return Prepared(
        table=table,
        left_out=pd.concat([cohort.left_out, more], ignore_index=True),
        traits=cohort_traits([traits for _, traits in kept]),
    )
