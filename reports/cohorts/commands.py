"""The commands ``cohort`` and ``prepare``: read, describe or prepare, and draw figures."""

from pathlib import Path

from longibench.benchmark.cohorts.open_cohort import open_cohort
from longibench.benchmark.cohorts.visit_table import Cohort
from longibench.benchmark.core.console import Console
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.grid import Grid
from longibench.benchmark.core.workspace import PATIENCE, Workspace
from longibench.benchmark.devices.machine import check_machine
from longibench.benchmark.preparation.prepare import Prepared, prepare_cohort
from longibench.benchmark.preparation.steps.mni import mni_affine, template_on
from longibench.benchmark.protocol.checks import check_data
from longibench.benchmark.protocol.table_checks import Cohorts, Refusal, tried
from longibench.benchmark.runs.checks import run_refusals
from longibench.benchmark.runs.matrix import Matrix
from longibench.benchmark.settings.schema import Settings
from longibench.benchmark.training.least_memory import require_memory
from longibench.benchmark.training.loggers.loggers import require_loggers
from longibench.metrics.metric import Volume
from longibench.reports.cohorts.description import describe_cohort, visits_digest
from longibench.reports.cohorts.facts import Description
from longibench.reports.cohorts.interval_figure import draw_intervals
from longibench.reports.figures.style import save
from longibench.reports.pages.quality_page import write_quality


def report_cohort(
    settings: Settings, workspace: Workspace, console: Console
) -> tuple[Description, Path]:
    """Describe ``settings.cohort`` and draw its intervals into the workspace.

    Returns:
        The description, and the path of the figure.

    Raises:
        UserError: A cohort that cannot be read, or a workspace that cannot be written.
    """
    check_data(settings)
    cohort = open_cohort(settings.cohort, settings, workspace, console)
    problems = _refusals(cohort, settings, workspace, console)
    description = describe_cohort(cohort, settings, problems)
    folder = _folder(workspace, description.reader, description.digest)
    title = f"{description.reader}: {description.subjects:,} subjects, {description.scans:,} scans"
    with workspace.lock(folder, PATIENCE):
        figure = draw_intervals(description.intervals, title)
        (picture,) = save(figure, folder / "intervals", [".png"])
    return description, picture


def report_preparation(
    settings: Settings, workspace: Workspace, console: Console, strict: bool = False
) -> Path:
    """Prepare ``settings.cohort`` as ``run`` does, and write its quality page.

    Preparation needs neither split nor pairs; what ``run`` would refuse is a warning, at the start.

    Args:
        settings: Cohort, grid and steps.
        workspace: Where volumes and the page go.
        console: For progress, and for what fails.
        strict: Whether to stop at the first damaged scan.

    Returns:
        Path of the quality page; it is inside the workspace, because it shows participants.

    Raises:
        UserError: Reading or preparing the cohort fails.
    """
    check_data(settings)
    check_machine(settings)
    require_memory(settings.grid, [])
    cohort = open_cohort(settings.cohort, settings, workspace, console)
    for its in _refusals(cohort, settings, workspace, console):
        console.warn(f"'run' with this cohort and these settings would refuse: {its.error}")
    with workspace.lock(workspace.prepared, PATIENCE):
        prepared = prepare_cohort(
            cohort, settings.grid, workspace.prepared, console, settings.preparation, strict
        )
    kind = cohort.name.partition(":")[0]
    folder = _folder(workspace, kind, visits_digest(cohort.visits)) / "quality"
    template = _template(prepared, settings.grid)
    with workspace.lock(folder, PATIENCE):
        return write_quality(prepared, kind, folder, template, console)


def _refusals(
    cohort: Cohort, settings: Settings, workspace: Workspace, console: Console
) -> list[Refusal]:
    """Everything for which ``run`` would refuse the cohort; a test cohort is read for it."""
    found = [
        *tried("machine", check_machine, settings),
        *tried("machine", require_memory, settings.grid, []),
        *tried("loggers", require_loggers, settings.training.loggers),
    ]
    test = None
    if settings.test_cohort:
        try:
            test = open_cohort(settings.test_cohort, settings, workspace, console)
        except UserError as error:
            found.append(Refusal("test cohort", error))
    cohorts = Cohorts(cohort, test)
    folds = Matrix(folds=tuple(range(settings.split.folds)))  # every one that run --folds may name
    return [*found, *run_refusals([settings.training], cohorts, settings, folds)]


def _folder(workspace: Workspace, kind: str, digest: str) -> Path:
    return workspace.cohorts / f"{kind}-{digest}"


def _template(prepared: Prepared, grid: Grid) -> Volume | None:
    """The template on the grid in [-1, 1], if the volumes are in its space."""
    if prepared.plan.registration == "none":
        return None
    template = template_on(mni_affine(grid), grid)  # 0 around the brain
    return template * (2 / float(template.max())) - 1
