"""One subject's preparation as a unit of work: input of a process, and what it stores."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from longibench.benchmark.core.grid import Grid
from longibench.benchmark.core.threads import one_thread
from longibench.benchmark.preparation.reading.problems import DamagedScanError
from longibench.benchmark.preparation.steps.chain import PreparedScan, prepare_subject
from longibench.benchmark.preparation.steps.plan import Plan
from longibench.benchmark.preparation.store.log import log_scan
from longibench.benchmark.preparation.store.store import Record, Result, Store


@dataclass(frozen=True)
class Visit:
    """A scan to prepare.

    Attributes:
        row: Its row of the visit table.
        subject: The subject's id.
        visit: The visit's label.
        path: The file or DICOM folder.
        content: Digest of its bytes; empty if they cannot be read.
        source: Digest of the bytes of the subject's first scan.
        problem: Why it cannot be read; None if it can.
    """

    row: int
    subject: str
    visit: str
    path: Path
    content: str
    source: str
    problem: DamagedScanError | None = None


@dataclass(frozen=True)
class Task:
    """One subject's readable scans, the source first, and how to prepare them."""

    visits: tuple[Visit, ...]
    folder: Path
    grid: Grid
    plan: Plan

    def store(self) -> Store:
        """The store of the outcomes."""
        return Store(self.folder, self.grid, steps=self.plan.digest)


def run_task(task: Task) -> list[tuple[Visit, Record]]:
    """Prepare and store the scans of a subject that are not stored yet, one by one.

    A kill loses only the current scan: each is stored as soon as it is finished, then logged. What
    the follow-ups of an unfinished subject need of the source (its brain and its bias field) is
    computed again, but its volume is not written again.

    Returns:
        The newly prepared scans, and their outcomes.
    """
    store = task.store()
    if task.plan.cheap:
        return _run(task, store)
    with one_thread():
        return _run(task, store)


def _run(task: Task, store: Store) -> list[tuple[Visit, Record]]:
    visits, source = task.visits, task.visits[0].source
    wanted = [i for i, visit in enumerate(visits) if store.read(visit.content, source) is None]
    first = store.read(source, source)
    placed = np.array(first.transform) if first and first.transform else None
    results = prepare_subject(
        [visit.path for visit in visits], task.grid, task.plan, wanted, placed
    )
    # Cheap scans are stored together: syncing a file for each would take longer.
    batches = [list(results)] if task.plan.cheap else ([result] for result in results)
    done: list[tuple[Visit, Record]] = []
    began = time.perf_counter()
    for batch in batches:
        store.write(source, {visits[position].content: result for position, result in batch})
        seconds = (time.perf_counter() - began) / max(1, len(batch))
        for position, result in batch:
            visit = visits[position]
            log_scan(task.folder, visit.subject, visit.visit, _outcome(result), seconds)
            kept = store.read(visit.content, source)
            done.append((visit, kept or _failure(result)))
        began = time.perf_counter()
    return done


def _failure(result: Result) -> Record:
    """A failure that is not stored."""
    if isinstance(result, PreparedScan):
        return Record()
    return Record(kind=result.kind, reason=result.detail)


def _outcome(result: Result) -> str:
    return "prepared" if isinstance(result, PreparedScan) else str(result)
