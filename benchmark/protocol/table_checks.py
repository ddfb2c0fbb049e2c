"""What tables alone decide of a protocol, decided before a scan is opened.

After preparation, which may leave out damaged scans, ``build_protocol`` decides it again.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from longibench.benchmark.cohorts.open_cohort import open_cohort
from longibench.benchmark.cohorts.visit_table import Cohort
from longibench.benchmark.core.console import Console
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.workspace import Workspace
from longibench.benchmark.preparation.steps.plan import resolve
from longibench.benchmark.protocol.pairs import no_pair, pair_intervals
from longibench.benchmark.protocol.protocol_metrics import require_truth
from longibench.benchmark.protocol.shared_people import refuse_same_scans, refuse_same_subjects
from longibench.benchmark.protocol.splits.split import Split, split_cohort
from longibench.benchmark.settings.schema import PairSettings, Settings

VALIDATION_ADVICE = "or enlarge split.validation"


@dataclass(frozen=True)
class Cohorts:
    """The cohorts of a run as read: no scan has been opened.

    Attributes:
        train: For training, and for evaluation if there is no other.
        test: To evaluate on instead, as a whole.
    """

    train: Cohort
    test: Cohort | None = None


@dataclass(frozen=True)
class Refusal:
    """A reason for which a run is refused.

    Attributes:
        check: What was checked, in a word or two; names no subject.
        error: The reason; may name a subject or a path.
    """

    check: str
    error: UserError


def open_cohorts(settings: Settings, workspace: Workspace, console: Console) -> Cohorts:
    """Read the tables of a run's cohorts.

    Raises:
        UserError: As ``open_cohort``.
    """
    specs = [settings.cohort, *([settings.test_cohort] if settings.test_cohort else [])]
    return Cohorts(*(open_cohort(spec, settings, workspace, console) for spec in specs))


def check_tables(cohorts: Cohorts, settings: Settings) -> None:
    """Check what tables decide.

    Raises:
        UserError: The first of ``refusals``.
    """
    for refusal in refusals(cohorts, settings):
        raise refusal.error


def refusals(cohorts: Cohorts, settings: Settings) -> Iterator[Refusal]:
    """Everything for which ``build_protocol`` would refuse these tables, in its order.

    Args:
        cohorts: The cohorts as read.
        settings: Split, pairs and preparation.
    """
    train, test = cohorts.train, cohorts.test
    split: Split | None = None
    try:
        split = split_cohort(train.visits, settings.split)
    except UserError as error:
        yield Refusal("split", error)
    for cohort in filter(None, (train, test)):
        yield from tried("preparation", resolve, settings.preparation, cohort)
    yield from tried("metrics", require_truth, settings, test or train)
    if split and test:
        seen = train.visits[train.visits["subject"].isin({*split.train, *split.validation})]
        yield from tried("test cohort", refuse_same_subjects, seen, test.visits)
        yield from tried("test cohort", refuse_same_scans, _by_file(seen), _by_file(test.visits))
    yield from _without_pairs(train.visits, split, settings, evaluates=test is None)
    if test:
        rule = settings.test_pairs or settings.pairs
        yield from _without_pair("pairs of the test cohort", test.subjects, test.visits, rule)


def _without_pairs(
    visits: pd.DataFrame, split: Split | None, settings: Settings, *, evaluates: bool
) -> Iterator[Refusal]:
    """Parts of the training cohort without a pair; all of it if there is no split."""
    if split is None:
        subjects = tuple(visits["subject"].unique())
        yield from _without_pair("pairs", subjects, visits, settings.pairs)
        return
    for part, members in split.parts.items():
        if members and (evaluates or part != "evaluation"):
            yield from _without_pair(f"pairs of {part}", members, visits, settings.pairs)


def _without_pair(
    check: str, members: tuple[str, ...] | list[str], visits: pd.DataFrame, rule: PairSettings
) -> Iterator[Refusal]:
    mine = visits[visits["subject"].isin(members)]
    if pair_intervals(mine, rule).empty:
        error = no_pair(len(members), rule)
        yield Refusal(check, of_validation(error) if check.endswith("validation") else error)


def of_validation(error: UserError) -> UserError:
    """The error for the validation part."""
    return UserError(f"validation: {error}; {VALIDATION_ADVICE}")


def _by_file(visits: pd.DataFrame) -> pd.DataFrame:
    """The visits with the file of each, whatever link leads to it, as its content."""
    return visits.assign(content=visits["path"].map(os.path.realpath))


def tried(check: str, work: Callable[..., Any], *arguments: Any) -> Iterator[Refusal]:
    """A check as refusals: none if it passes."""
    try:
        work(*arguments)
    except UserError as error:
        yield Refusal(check, error)
