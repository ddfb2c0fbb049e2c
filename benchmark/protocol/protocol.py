"""A protocol: the cohort, split, pairs, grid and preparation under which scores are compared."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from longibench.benchmark.cohorts.open_cohort import SIMULATED
from longibench.benchmark.cohorts.visit_table import Cohort
from longibench.benchmark.core.checked_files import write_json, write_table
from longibench.benchmark.core.console import Console
from longibench.benchmark.core.damage import remove_changed
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.files import digest
from longibench.benchmark.core.workspace import PAIRS, PATIENCE, PROTOCOL, Workspace
from longibench.benchmark.preparation.labels import label_contents, prepare_labels
from longibench.benchmark.preparation.prepare import Prepared, compare_traits, prepare_cohort
from longibench.benchmark.preparation.truth import prepare_truth
from longibench.benchmark.protocol.pairs import (
    COLUMNS,
    PATHS,
    annotate,
    known_at_source,
    make_pairs,
    truth_contents,
)
from longibench.benchmark.protocol.protocol_file import FORMAT, format_of
from longibench.benchmark.protocol.shared_people import refuse_same_scans, refuse_same_subjects
from longibench.benchmark.protocol.splits.split import Split, split_cohort
from longibench.benchmark.protocol.table_checks import (
    Cohorts,
    check_tables,
    of_validation,
    open_cohorts,
)
from longibench.benchmark.settings.schema import PairSettings, Settings


@dataclass(frozen=True)
class Protocol:
    """What is compared, on which pairs.

    Attributes:
        name: Cohort and digest; the name of the protocol's folder.
        training: Digest of all properties of the data that training depends on.
        train_pairs: Pairs of the training subjects, with what is known at the source.
        test_pairs: Pairs of the evaluation subjects.
        info: The content of ``protocol.json``.
        validation_pairs: Pairs of the validation subjects; empty if there are none.
    """

    name: str
    training: str
    train_pairs: pd.DataFrame
    test_pairs: pd.DataFrame
    info: dict[str, Any]
    validation_pairs: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=COLUMNS))


def build_protocol(
    settings: Settings, workspace: Workspace, console: Console, cohorts: Cohorts | None = None
) -> Protocol:
    """Read, prepare, split and pair.

    What tables decide is decided before a scan is opened, and again with the scans that preparation
    did not leave out.

    Args:
        settings: Cohorts, preparation, split and pairs.
        workspace: Where prepared volumes are stored.
        console: For progress.
        cohorts: The cohorts, if they have been read and their tables checked (``check_cohorts``).

    Raises:
        UserError: Any problem of the user's data or settings.
    """
    if cohorts is None:
        cohorts = open_cohorts(settings, workspace, console)
        check_tables(cohorts, settings)
    train = ensure_prepared(cohorts.train, settings, workspace, console)
    split = split_cohort(train.table, settings.split)
    test, held_out, paired = train, split.test, settings.pairs
    if cohorts.test:
        paired = settings.test_pairs or settings.pairs
        test = ensure_prepared(cohorts.test, settings, workspace, console)
        held_out = tuple(_subjects(test))
        seen = _of(train.table, (*split.train, *split.validation))
        refuse_same_subjects(seen, test.table)
        refuse_same_scans(seen, test.table)
    warnings = compare_traits(train.prepared.traits, test.prepared.traits)
    for warning in warnings:
        console.warn(warning)
    train_pairs = make_pairs(_of(train.table, split.train), settings.pairs)
    training = digest(
        [
            _content(train_pairs, train.table),
            settings.grid.model_dump(),
            train.prepared.plan.digest,
        ]
    )
    pairs = make_pairs(_of(test.table, held_out), paired)
    test = with_truth(test, pairs, settings, workspace, console)
    evaluation = Evaluation(test, pairs, paired, split.digest, training)
    info = {
        "cohort": {**test.info(), "shareable": _shareable(train, test)},
        "training_cohort": train.info() if settings.test_cohort else None,
        "split": _split_info(split, held_out),
        "warnings": warnings,
    }
    return finish_protocol(
        evaluation,
        settings,
        info,
        train_pairs=known_at_source(train_pairs, train.table),
        validation_pairs=_validation_pairs(train.table, split, settings.pairs),
    )


@dataclass(frozen=True)
class Evaluation:
    """What is evaluated: the identity of a protocol.

    Attributes:
        cohort: The cohort that is evaluated on.
        pairs: Its pairs.
        rule: How they were paired.
        split: Digest of the held-out subjects.
        training: Digest of the data that training depends on; empty if nothing is trained.
    """

    cohort: "PreparedCohort"
    pairs: pd.DataFrame
    rule: PairSettings
    split: str
    training: str

    def name(self, settings: Settings) -> str:
        """Cohort and digest of everything that scores depend on, except methods and metrics."""
        identity = {
            "training": self.training,
            "test": _content(self.pairs, self.cohort.table),
            "split": self.split,
            "pairs": self.rule.model_dump(),
            "grid": settings.grid.model_dump(),
            "preparation": self.cohort.prepared.plan.digest,
        }
        annotated = annotate(self.pairs, self.cohort.table)
        if labels := label_contents(annotated):
            identity["labels"] = labels
        if truth := truth_contents(annotated):
            identity["truth"] = truth
        return f"{self.cohort.kind}-{digest(identity)}"


def finish_protocol(
    evaluation: Evaluation,
    settings: Settings,
    info: dict[str, Any],
    *,
    train_pairs: pd.DataFrame,
    validation_pairs: pd.DataFrame,
) -> Protocol:
    """Name a protocol by what determines its scores, and describe it."""
    name = evaluation.name(settings)
    info = {
        "format": FORMAT,
        "protocol": name,
        "preset": settings.preset,
        **info,
        "pairs": _pairs_info(evaluation.pairs, evaluation.rule),
        "grid": settings.grid.model_dump(mode="json"),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    test_pairs = annotate(evaluation.pairs, evaluation.cohort.table)
    return Protocol(name, evaluation.training, train_pairs, test_pairs, info, validation_pairs)


def write_protocol(protocol: Protocol, workspace: Workspace, console: Console) -> Path:
    """Write ``protocol.json`` and ``pairs.csv``, unless they exist and are undamaged.

    Those that have changed are named and written again.
    """
    folder = workspace.protocol(protocol.name)
    with workspace.lock(folder / PROTOCOL, PATIENCE):
        remove_changed(folder, console, only=(PAIRS, PROTOCOL))
        if not (folder / PAIRS).is_file():
            pairs, root = protocol.test_pairs.copy(), workspace.root.resolve()
            for column in PATHS & set(pairs.columns):  # relative, so that a workspace can be moved
                pairs[column] = [_relative(path, root) for path in pairs[column]]
            write_table(folder / PAIRS, pairs)
        if format_of(folder) is None:
            write_json(folder / PROTOCOL, protocol.info)
    return folder


def older_protocols(workspace: Workspace) -> list[str]:
    """Names of protocols that an earlier version wrote: they are read but not extended."""
    formats = {name: format_of(workspace.protocol(name)) for name in workspace.protocols()}
    return [name for name, found in formats.items() if found is not None and found < FORMAT]


@dataclass(frozen=True)
class PreparedCohort:
    """A cohort as read and as prepared."""

    cohort: Cohort
    prepared: Prepared

    @property
    def table(self) -> pd.DataFrame:
        """The prepared visit table."""
        return self.prepared.table

    @property
    def kind(self) -> str:
        """``phantom``, ``phantom-clean`` or the reader's name.

        Never a path, which could reveal whose data it is.
        """
        name = self.cohort.name
        return name.replace(":", "-") if name in SIMULATED else name.partition(":")[0]

    def info(self) -> dict[str, Any]:
        """What may be published of the cohort: no id, no path."""
        columns = self.table[["subject", "years", "content"]].itertuples(index=False)
        rows = sorted([subject, round(years, 4), content] for subject, years, content in columns)
        return {
            "name": self.kind,
            "digest": digest(rows),
            "subjects": int(self.table["subject"].nunique()),
            "visits": len(self.table),
            "left_out": len(self.prepared.left_out),
            "shareable": self.cohort.shareable,
            "preparation": self.prepared.plan.describe(),
        }


def ensure_prepared(
    cohort: Cohort, settings: Settings, workspace: Workspace, console: Console
) -> PreparedCohort:
    """Prepare those scans of a cohort that are not prepared yet."""
    with workspace.lock(workspace.prepared, PATIENCE):
        prepared = prepare_cohort(
            cohort, settings.grid, workspace.prepared, console, settings.preparation
        )
        prepared = prepare_labels(prepared, workspace.prepared)
    return PreparedCohort(cohort, prepared)


def with_truth(
    cohort: PreparedCohort,
    pairs: pd.DataFrame,
    settings: Settings,
    workspace: Workspace,
    console: Console,
) -> PreparedCohort:
    """The cohort with the prepared truth of evaluated pairs, if it was simulated with one."""
    volumes = {*pairs["source"], *pairs["target"]}
    with workspace.lock(workspace.prepared, PATIENCE):
        prepared = prepare_truth(
            cohort.prepared,
            settings.grid,
            workspace.prepared,
            volumes,
            console,
            settings.preparation.workers,
        )
    return PreparedCohort(cohort.cohort, prepared)


def _subjects(cohort: PreparedCohort) -> list[str]:
    return sorted(cohort.table["subject"].unique())


def _shareable(train: PreparedCohort, test: PreparedCohort) -> bool:
    """Generated volumes can resemble training participants, so both cohorts must allow it."""
    return train.cohort.shareable and test.cohort.shareable


def _split_info(split: Split, held_out: tuple[str, ...]) -> dict[str, Any]:
    return {
        "rule": split.rule,
        "digest": split.digest,
        "train_subjects": len(split.train),
        "validation_subjects": len(split.validation),
        "test_subjects": len(held_out),
    }


def _validation_pairs(table: pd.DataFrame, split: Split, settings: PairSettings) -> pd.DataFrame:
    if not split.validation:
        return pd.DataFrame(columns=COLUMNS)
    try:
        return make_pairs(_of(table, split.validation), settings)
    except UserError as error:
        raise of_validation(error) from error


def _pairs_info(pairs: pd.DataFrame, settings: PairSettings) -> dict[str, Any]:
    return {
        "rule": settings.rule,
        "count": len(pairs),
        "subjects": int(pairs["subject"].nunique()),
    }


def _of(table: pd.DataFrame, subjects: tuple[str, ...]) -> pd.DataFrame:
    return table[table["subject"].isin(subjects)]


def _content(pairs: pd.DataFrame, table: pd.DataFrame) -> list[list[Any]]:
    """Subject, time and content of both scans; independent of where they are stored."""
    content = dict(zip(table["volume"], table["content"], strict=True))
    columns = ["subject", "visit", "interval_years", "source", "target"]
    return [
        [subject, visit, round(years, 4), content[source], content[target]]
        for subject, visit, years, source, target in pairs[columns].itertuples(index=False)
    ]


def _relative(path: Any, root: Path) -> Any:
    if not isinstance(path, str):  # a visit without a label map
        return path
    return str(Path(path).resolve().relative_to(root))
