"""From raw scans to volumes on the benchmark's grid, cached by content."""

import time
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

import pandas as pd

from longibench.benchmark.cohorts.visit_table import Cohort
from longibench.benchmark.core.console import Console
from longibench.benchmark.core.damage import take_over
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.grid import Grid
from longibench.benchmark.core.process_pool import count_workers, run_parallel
from longibench.benchmark.core.workspace import DIGESTS
from longibench.benchmark.preparation.prepared import Prepared, gather, report_failures
from longibench.benchmark.preparation.reading.problems import FIRST_DAMAGED, DamagedScanError
from longibench.benchmark.preparation.reading.raw_scan import read_scan
from longibench.benchmark.preparation.steps.plan import Plan, resolve
from longibench.benchmark.preparation.steps.traits import Traits, compare_traits
from longibench.benchmark.preparation.store.store import Digests, Record, Store
from longibench.benchmark.preparation.work import Task, Visit, run_task
from longibench.benchmark.settings.preparation import PreparationSettings

__all__ = ["Prepared", "Traits", "compare_traits", "prepare_cohort"]

SAVE_SECONDS = 30  # of reading that a kill may lose; every save writes all digests

Outcome = tuple[Visit, Record]


def prepare_cohort(
    cohort: Cohort,
    grid: Grid,
    folder: Path,
    console: Console,
    settings: PreparationSettings | None = None,
    strict: bool = False,
) -> Prepared:
    """Prepare every scan of a cohort; scans that were prepared before are not read.

    Args:
        cohort: The raw scans.
        grid: The benchmark's grid.
        folder: Folder of prepared volumes, by content and by the steps that made them.
        console: For progress and warnings about damaged scans.
        settings: The steps, and the number of processes; the defaults do what the cohort lacks.
        strict: Whether the first damaged scan is an error.

    Returns:
        The prepared cohort. A damaged follow-up is left out; with a damaged first scan the whole
        subject is left out, because a later scan must not silently become the source.

    Raises:
        UserError: A scan is listed twice, nothing usable is left, a step cannot be done, writing
            failed, or a scan is damaged and ``strict``.
    """
    settings = settings or PreparationSettings()
    plan = resolve(settings, cohort)
    folder.mkdir(parents=True, exist_ok=True)
    take_over([folder], folder, console)
    subjects = _subjects(cohort.visits, Digests(folder / DIGESTS, console), console)
    _refuse_duplicates(chain(*subjects), plan)
    if strict:
        _refuse_damaged(
            (visit, _failure(visit.problem)) for visit in chain(*subjects) if visit.problem
        )
    store = Store(folder, grid, console, plan.digest)
    tasks = [
        Task(tuple(visit for visit in visits if not visit.problem), folder, grid, plan)
        for visits in subjects
        if not all(_known(store, visit) for visit in visits) and not visits[0].problem
    ]
    now: dict[int, Record] = {}  # by row: failures that may be temporary are not in the store
    for finished in _run(tasks, plan, settings.workers, console):
        now.update({visit.row: record for visit, record in finished})
        if strict:
            _refuse_damaged(finished)
    store.reload()  # what other processes have written
    outcomes = [(visit, _outcome(store, visit, now.get(visit.row))) for visit in chain(*subjects)]
    if strict:
        _refuse_damaged(outcomes)
    prepared = gather(cohort, outcomes, store, plan, console)
    report_failures(prepared.left_out, console)
    return prepared


def _run(tasks: list[Task], plan: Plan, workers: int, console: Console) -> Iterator[list[Outcome]]:
    if not tasks:
        return
    count = 1 if plan.cheap else count_workers(workers, len(tasks))
    results = map(run_task, tasks) if count == 1 else run_parallel(run_task, tasks, count)
    yield from console.track(results, "preparing scans", len(tasks))


def _subjects(table: pd.DataFrame, digests: Digests, console: Console) -> list[list[Visit]]:
    """The scans by subject, in the order of time, with the digests of their bytes."""
    subjects = []
    saved = time.monotonic()
    groups = list(table.groupby("subject", sort=True))
    for subject, rows in console.track(groups, "checking scans", len(groups)):
        visits: list[Visit] = []
        for row in rows.itertuples():
            path = Path(str(row.path))
            content, problem = _digest_of(path, digests)
            source = visits[0].content if visits else content
            label = str(row.visit)
            visits.append(
                Visit(int(str(row.Index)), str(subject), label, path, content, source, problem)
            )
        subjects.append(visits)
        if time.monotonic() - saved > SAVE_SECONDS:
            digests.save()
            saved = time.monotonic()
    digests.save()
    return subjects


def _digest_of(path: Path, digests: Digests) -> tuple[str, DamagedScanError | None]:
    try:
        return digests.of(path), None
    except DamagedScanError as error:
        return "", error


def _refuse_duplicates(visits: Iterable[Visit], plan: Plan) -> None:
    """One scan under two names could be in two parts of a split; damaged files may be equal."""
    seen: dict[str, Visit] = {}
    for visit in visits:
        if visit.content and visit.content in seen and _is_scan(visit.path, plan):
            raise UserError(
                f"{visit.path} holds the same bytes as {seen[visit.content].path}: "
                "a scan is listed twice; remove one of them"
            )
        seen[visit.content] = visit


def _is_scan(path: Path, plan: Plan) -> bool:
    try:
        read_scan(path, plan.axes)
    except DamagedScanError:
        return False
    return True


def _refuse_damaged(outcomes: Iterable[Outcome]) -> None:
    for visit, record in outcomes:
        if record.kind:
            raise UserError(
                f"subject {visit.subject}, visit {visit.visit}: {visit.path}: {record.kind}"
                f"{': ' * bool(record.reason)}{record.reason}; fix or remove it, or leave out "
                "--strict"
            )


def _known(store: Store, visit: Visit) -> bool:
    return bool(visit.problem) or store.read(visit.content, visit.source) is not None


def _failure(problem: DamagedScanError) -> Record:
    return Record(kind=problem.kind, reason=problem.detail)


def _outcome(store: Store, visit: Visit, now: Record | None) -> Record:
    if visit.problem:
        return _failure(visit.problem)
    return store.read(visit.content, visit.source) or now or Record(kind=FIRST_DAMAGED)
