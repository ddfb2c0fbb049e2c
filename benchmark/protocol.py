"""A protocol: the cohort, split, pairs, grid and metrics under which scores may be compared."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from benchmark.cohorts.sources import open_cohort
from benchmark.cohorts.subjects import is_worldwide
from benchmark.console import Console
from benchmark.errors import UserError
from benchmark.files import digest, write_json, write_text
from benchmark.pairs import COLUMNS, make_pairs
from benchmark.plugins import find_metric, load_metrics
from benchmark.preparation.cohort import Prepared, compare_traits, prepare_cohort
from benchmark.settings import MetricSettings, PairSettings, Settings
from benchmark.splits.split import Split, split_cohort
from benchmark.visits import Cohort
from benchmark.workspace import PATIENCE, Workspace
from metrics.checkpoints import WeightsError
from metrics.metric import Metric, SetMetric


@dataclass(frozen=True)
class Protocol:
    """What is compared, on which pairs.

    Attributes:
        name: Cohort and digest; the name of the protocol's folder.
        training: Digest of everything about the data that training depends on.
        train_pairs: Pairs of the training subjects.
        test_pairs: Pairs of the evaluation subjects.
        info: What ``protocol.json`` holds.
        validation_pairs: Pairs of the validation subjects; empty where there are none.
    """

    name: str
    training: str
    train_pairs: pd.DataFrame
    test_pairs: pd.DataFrame
    info: dict[str, Any]
    validation_pairs: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=COLUMNS))


def build_protocol(settings: Settings, workspace: Workspace, console: Console) -> Protocol:
    """Read, prepare, split and pair.

    Raises:
        UserError: Any problem of the user's data or settings.
    """
    metrics = build_metrics(settings.metrics)
    found = open_cohort(settings.cohort, settings, workspace, console)
    split_cohort(found.visits, settings.split)  # what is wrong is told before scans are prepared
    train = _prepared(found, settings, workspace, console)
    split = split_cohort(train.table, settings.split)
    test, held_out, paired = train, split.test, settings.pairs
    if settings.test_cohort:
        paired = settings.test_pairs or settings.pairs
        other = open_cohort(settings.test_cohort, settings, workspace, console)
        _refuse_same_people(split, other.subjects)  # before hours of preparation
        test = _prepared(other, settings, workspace, console)
        held_out = tuple(_subjects(test))
        _refuse_same_scans(split, train.table, test.table)
    warnings = compare_traits(train.prepared.traits, test.prepared.traits)
    for warning in warnings:
        console.warn(warning)
    train_pairs = make_pairs(_of(train.table, split.train), settings.pairs)
    validation_pairs = _validation_pairs(train.table, split, settings.pairs)
    test_pairs = make_pairs(_of(test.table, held_out), paired)
    training = digest(
        [
            _content(train_pairs, train.table),
            settings.grid.model_dump(),
            train.prepared.plan.digest,
        ]
    )
    identity = {
        "training": training,
        "test": _content(test_pairs, test.table),
        "split": split.digest,
        "pairs": paired.model_dump(),
        "grid": settings.grid.model_dump(),
        "preparation": test.prepared.plan.digest,
        "metrics": [metric.title for metric in metrics],
    }
    name = f"{test.kind}-{digest(identity)}"
    info = {
        "protocol": name,
        "preset": settings.preset,
        "cohort": {**test.info(), "shareable": _shareable(train, test)},
        "training_cohort": train.info() if settings.test_cohort else None,
        "split": _split_info(split, held_out),
        "pairs": _pairs_info(test_pairs, paired),
        "grid": settings.grid.model_dump(mode="json"),
        "metrics": [describe_metric(metric) for metric in metrics],
        "metric_settings": settings.metrics.model_dump(mode="json"),
        "warnings": warnings,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    return Protocol(name, training, train_pairs, test_pairs, info, validation_pairs)


def write_protocol(protocol: Protocol, workspace: Workspace) -> Path:
    """Write ``protocol.json`` and ``pairs.csv``; the first to be written stays."""
    folder = workspace.protocol(protocol.name)
    if not (folder / "protocol.json").is_file():
        pairs = protocol.test_pairs.copy()
        for column in ("source", "target"):  # relative, so that a workspace can be moved
            pairs[column] = [_relative(path, workspace.root) for path in pairs[column]]
        write_text(folder / "pairs.csv", pairs.to_csv(index=False))
        write_json(folder / "protocol.json", protocol.info)
    return folder


def build_metrics(settings: MetricSettings) -> list[Metric]:
    """Construct the metrics asked for.

    Raises:
        UserError: An unknown metric, or weights that cannot be named.
    """
    load_metrics()
    with _weights_explained():
        built = [_build_metric(find_metric(name), settings) for name in settings.names]
        for metric in built:
            _ = metric.title  # names the weights' file, which must be there
    return built


def load_extractors(metrics: list[Metric]) -> None:
    """Read what set metrics need, before any work is done.

    Raises:
        UserError: Weights that cannot be had, or are not what they should be.
    """
    with _weights_explained():
        for metric in metrics:
            if isinstance(metric, SetMetric):
                metric.load()


def describe_metric(metric: Metric) -> dict[str, Any]:
    """A metric's spec as plain values, for ``protocol.json``."""
    return {
        "name": metric.name,
        "title": metric.title,
        "kind": metric.kind,
        "family": metric.family,
        "best": metric.best,
        "higher_is_better": metric.higher_is_better,
        "unit": metric.unit,
        "decimals": metric.decimals,
        "source": metric.source,
    }


def _build_metric(kind: type[Metric], settings: MetricSettings) -> Metric:
    return kind(settings.fid_weights) if issubclass(kind, SetMetric) else kind()


@contextmanager
def _weights_explained() -> Iterator[None]:
    try:
        yield
    except WeightsError as error:
        raise UserError(f"metrics.fid_weights: {error}") from error


@dataclass(frozen=True)
class _Source:
    """A cohort as read and as prepared."""

    cohort: Cohort
    prepared: Prepared

    @property
    def table(self) -> pd.DataFrame:
        """The prepared visit table."""
        return self.prepared.table

    @property
    def kind(self) -> str:
        """``phantom`` or the reader's name; never a path, which could tell whose data it is."""
        return self.cohort.name.partition(":")[0]

    def info(self) -> dict[str, Any]:
        """What may be said of the cohort: no id, no path."""
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


def _prepared(
    cohort: Cohort, settings: Settings, workspace: Workspace, console: Console
) -> _Source:
    with workspace.lock(workspace.prepared, PATIENCE):
        prepared = prepare_cohort(
            cohort, settings.grid, workspace.prepared, console, settings.preparation
        )
    return _Source(cohort, prepared)


def _subjects(source: _Source) -> list[str]:
    return sorted(source.table["subject"].unique())


def _shareable(train: _Source, test: _Source) -> bool:
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
        raise UserError(f"validation: {error}; or enlarge split.validation") from error


def _pairs_info(pairs: pd.DataFrame, settings: PairSettings) -> dict[str, Any]:
    return {
        "rule": settings.rule,
        "count": len(pairs),
        "subjects": int(pairs["subject"].nunique()),
    }


def _of(table: pd.DataFrame, subjects: tuple[str, ...]) -> pd.DataFrame:
    return table[table["subject"].isin(subjects)]


def _content(pairs: pd.DataFrame, table: pd.DataFrame) -> list[list[Any]]:
    """Who, when, and the bytes of both scans; independent of where they lie."""
    content = table.set_index("volume")["content"]
    columns = ["subject", "visit", "interval_years", "source", "target"]
    return [
        [subject, visit, round(years, 4), content[source], content[target]]
        for subject, visit, years, source, target in pairs[columns].itertuples(index=False)
    ]


def _refuse_same_people(split: Split, held_out: Sequence[str]) -> None:
    """An external test cohort must hold nobody who was trained on or chosen by.

    Labels such as ``sub-01`` recur in every dataset and tell nothing; an id of ADNI or OASIS is
    one person.
    """
    both = {subject for subject in _seen(split) & set(held_out) if is_worldwide(subject)}
    if both:
        raise UserError(f"--test-cohort: subject {min(both)} is in the training cohort too")


def _refuse_same_scans(split: Split, train: pd.DataFrame, test: pd.DataFrame) -> None:
    """Nor a scan of the training cohort under another name."""
    seen = set(train[train["subject"].isin(_seen(split))]["content"])
    twice = test[test["content"].isin(seen)]
    if not twice.empty:
        raise UserError(f"--test-cohort: {twice['path'].iloc[0]} is a scan of the training cohort")


def _seen(split: Split) -> set[str]:
    return {*split.train, *split.validation}


def _relative(path: str, root: Path) -> str:
    return str(Path(path).resolve().relative_to(root.resolve()))
