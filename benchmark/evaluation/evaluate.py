"""Score volumes on disk against the real follow-ups: the same way for every method."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from longibench.benchmark.core.checked_files import (
    read_table,
    require_intact,
    understood,
    write_table,
)
from longibench.benchmark.core.console import Console
from longibench.benchmark.core.folder_digests import digests_of
from longibench.benchmark.core.names import check_name
from longibench.benchmark.core.workspace import PAIRS, SCORES, Workspace
from longibench.benchmark.evaluation.forecasts import Forecaster, ForecastScorer
from longibench.benchmark.evaluation.in_threads import in_threads
from longibench.benchmark.evaluation.predictions import (
    CHANGED,
    DEFORMATION,
    KEYS,
    Predictions,
    find_predictions,
    join_pairs,
)
from longibench.benchmark.evaluation.score_table import (
    DENOMINATOR,
    FLOOR,
    HALF,
    IDENTITY,
    LEAVE_OUT,
    NUMERATOR,
    REAL,
    SCHEMA,
    VALUE,
    read_scores,
    within_brackets,
)
from longibench.benchmark.evaluation.subject_scorer import Scorer, SubjectScores, Value
from longibench.benchmark.preparation.space import PLAIN, Fit, Space, check_generated
from longibench.benchmark.protocol.metric_identity import Identity, identify
from longibench.benchmark.protocol.pairs import COLUMNS, PATHS, STRATA
from longibench.metrics.metric import (
    TRUTH,
    Metric,
    MetricError,
    PairMetric,
    SetMetric,
    SubjectMetric,
)
from longibench.metrics.ratio import RatioMetric

Row = dict[str, Any]
IDENTIFYING = ("subject", "visit", "interval_years", "sample")  # a volume of a method


@dataclass(frozen=True)
class Label:
    """The columns that identify a folder of predictions in every row of its scores."""

    protocol: str
    split: str
    method: str
    settings: str
    training_seed: int


class Evaluator:
    """Scores folders of predictions. Values are cached on disk, so scoring can be resumed."""

    def __init__(
        self,
        metrics: Sequence[Metric],
        pairs: pd.DataFrame,
        console: Console,
        cache: Path,
        workers: int = 0,
    ) -> None:
        """Args: metrics; pairs with readable paths; a console; the cache of values; threads."""
        self._metrics = list(metrics)
        self._pairs = pairs
        self._console = console
        self._cache = cache
        self._workers = workers

    def score(self, predictions: Predictions, label: Label, fit: Fit = PLAIN) -> pd.DataFrame:
        """Score every volume, after a check of all headers.

        The result depends neither on the order of the volumes nor on the number of threads.

        Raises:
            UserError: A missing, extra, duplicate or unreadable volume, another geometry or range.
        """
        table = join_pairs(predictions, self._pairs)
        self._check(_by_subject(table), predictions, fit)
        return self._scored(
            table, Scorer(self._metrics, predictions.folder, fit, self._cache), label
        )

    def score_forecasts(
        self, train_pairs: pd.DataFrame, labels: Sequence[Label]
    ) -> Iterator[pd.DataFrame]:
        """Score the volumes that forecasts have for every pair.

        Args:
            train_pairs: What they are fitted on, see ``forecasts.Forecaster``.
            labels: Their rows; the method of each is one of ``FORECASTS``.

        Raises:
            UserError: A volume cannot be read.
        """
        given = self._pairs, self._console, self._workers
        forecaster = Forecaster(self._metrics, train_pairs, *given)
        for label in labels:
            scorer = ForecastScorer(self._metrics, Path(), PLAIN, self._cache)
            yield self._scored(forecaster.rows(label.method), scorer, label)

    def _scored(self, table: pd.DataFrame, scorer: Scorer, label: Label) -> pd.DataFrame:
        """The scores of volumes, given in the order of subjects."""
        subjects = _by_subject(table)
        with self._console.bar(f"score {label.method}", len(table)) as bar:
            scores = in_threads(subjects, scorer, self._workers, bar)
        rows = [*_pair_rows(self._metrics, subjects, scores)]
        rows += [*_real_rows(self._metrics, subjects, scores)]
        rows += _subject_rows(self._metrics, subjects, scores)
        for metric in self._metrics:
            if isinstance(metric, SetMetric):
                rows += set_rows(metric, table["subject"].tolist(), scores)
            if isinstance(metric, RatioMetric):
                rows += [*_part_rows(metric, subjects, scores)]
        return _labelled(rows, label, self._metrics)

    @property
    def identities(self) -> list[Identity]:
        """Identities of the metrics: a value may be reused if they are equal."""
        return [identify(metric) for metric in self._metrics]

    def only(self, names: Sequence[str]) -> "Evaluator":
        """An evaluator of some of the metrics."""
        chosen = [metric for metric in self._metrics if metric.name in names]
        return Evaluator(chosen, self._pairs, self._console, self._cache, self._workers)

    def measure(
        self, predictions: Predictions, rank: int, world_size: int, fit: Fit = PLAIN
    ) -> None:
        """Measure every ``world_size``-th subject, from ``rank`` on, and cache the values.

        ``score`` reads them, in this process or another one.

        Raises:
            UserError: As ``score``.
        """
        subjects = _by_subject(join_pairs(predictions, self._pairs))[rank::world_size]
        self._check(subjects, predictions, fit)
        scorer = Scorer(self._metrics, predictions.folder, fit, self._cache)
        with self._console.bar("measure", sum(map(len, subjects))) as bar:
            in_threads(subjects, scorer, self._workers, bar)

    def _check(self, subjects: list[list[Row]], predictions: Predictions, fit: Fit) -> None:
        def check(rows: list[Row]) -> None:
            require_intact(Path(rows[0]["source"]))
            space = Space.read(rows[0]["source"])
            for row in rows:
                require_intact(Path(row["target"]))
                check_generated(predictions.path(row["generated"]), space, fit)
                require_intact(predictions.path(row["generated"]), CHANGED)
                for path in _named(row, "source_clean", "target_clean"):
                    require_intact(Path(path))
                for path in _named(row, DEFORMATION):
                    require_intact(predictions.path(path), CHANGED)

        with self._console.bar("check headers", sum(map(len, subjects))) as bar:
            in_threads(subjects, check, self._workers, bar)


def _named(row: Row, *columns: str) -> list[str]:
    """The paths that a row names in some columns."""
    cells = (row.get(column) for column in columns)
    return [cell for cell in cells if isinstance(cell, str) and cell]


def _by_subject(table: pd.DataFrame) -> list[list[Row]]:
    """Rows of each subject, in the order of their names."""
    return [_records(rows) for _, rows in table.groupby("subject", sort=True)]


def _records(table: pd.DataFrame) -> list[Row]:
    """Rows of a table as dictionaries by column name."""
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]


def _pair_rows(
    metrics: list[Metric], subjects: list[list[Row]], scores: list[SubjectScores]
) -> Iterator[Row]:
    for rows, its in zip(subjects, scores, strict=True):
        for record, values in zip(rows, its.pairs, strict=True):
            identity = {key: record[key] for key in IDENTIFYING}
            for metric in metrics:
                if isinstance(metric, PairMetric):
                    yield _row(metric, values[metric.name], **identity)


def _real_rows(
    metrics: list[Metric], subjects: list[list[Row]], scores: list[SubjectScores]
) -> Iterator[Row]:
    """What the real follow-ups themselves score: once a visit, whatever was generated for it."""
    known = {metric.name: metric for metric in metrics}
    for rows, its in zip(subjects, scores, strict=True):
        seen: set[str] = set()
        for record, values in zip(rows, its.real, strict=True):
            identity = {key: record[key] for key in IDENTIFYING}
            for name, value in values.items() if record["visit"] not in seen else ():
                if not np.isnan(value.number):
                    yield _row(known[name], value, role=REAL, **identity)
            seen.add(record["visit"])


def _part_rows(
    metric: RatioMetric, subjects: list[list[Row]], scores: list[SubjectScores]
) -> Iterator[Row]:
    """Numerator and denominator of every pair; none if one of them could not be measured."""
    if any(metric.name in its.problems for its in scores):
        return
    for rows, its in zip(subjects, scores, strict=True):
        for record, (parts, _) in zip(rows, its.features[metric.name], strict=True):
            identity = {key: record[key] for key in IDENTIFYING}
            for role, part in zip((NUMERATOR, DENOMINATOR), parts, strict=True):
                yield _row(metric, Value.of(float(part)), role=role, **identity)


def _subject_rows(
    metrics: list[Metric], subjects: list[list[Row]], scores: list[SubjectScores]
) -> Iterator[Row]:
    for rows, its in zip(subjects, scores, strict=True):
        for sample, values in its.subjects.items():
            identity = {"subject": rows[0]["subject"], "sample": sample}
            count = sum(row["sample"] == sample for row in rows)
            for metric in metrics:
                if isinstance(metric, SubjectMetric):
                    yield _row(metric, values[metric.name], n=count, **identity)


def set_rows(metric: SetMetric, groups: list[str], scores: list[SubjectScores]) -> list[Row]:
    """The value, the values without each subject, and those of halves of the subjects."""
    count = len(groups)
    whole = {"n": count, "title": within_brackets(metric.title, f"N={count}")}
    problems = [its.problems[metric.name] for its in scores if metric.name in its.problems]
    if problems:
        return [_row(metric, Value.missing(problems[0]), **whole)]
    features = [pair for its in scores for pair in its.features[metric.name]]
    generated, real = (np.stack(part) for part in zip(*features, strict=True))
    given: dict[str, Any] = {"generated": generated, "reference": real, "groups": groups}
    try:
        value = metric.value_by_subject(**given)
    except MetricError as error:
        return [_row(metric, Value.missing(str(error)), **whole)]
    return [
        _row(metric, Value.of(value), **whole),
        *_left_out_rows(metric, given, whole),
        *_subject_part_rows(metric, given),
        *_floor_rows(metric, given),
        *_real_row(metric, given, whole),
    ]


def _left_out_rows(metric: SetMetric, given: Any, whole: Row) -> list[Row]:
    try:
        without = metric.leave_one_out(**given)
    except MetricError:  # the value is kept, without an interval
        return []
    return [
        _row(metric, Value.of(value), subject=subject, role=LEAVE_OUT, **whole)
        for subject, value in without.items()
    ]


def _subject_part_rows(metric: SetMetric, given: Any) -> Iterator[Row]:
    """Numerator and denominator of every subject, for a ratio of sums over subjects."""
    for subject, parts in metric.parts_by_subject(**given).items():
        for role, part in zip((NUMERATOR, DENOMINATOR), parts, strict=True):
            yield _row(metric, Value.of(part), subject=subject, role=role)


def _floor_rows(metric: SetMetric, given: Any) -> list[Row]:
    try:
        floor = metric.floor(**given)
    except MetricError:
        return []
    if floor is None:
        return []
    title = within_brackets(metric.title, f"N={floor.count}")
    return [
        _row(metric, Value.of(value), n=floor.count, title=title, role=role)
        for role, value in ((FLOOR, floor.real), (HALF, floor.generated))
    ]


def _real_row(metric: SetMetric, given: Any, whole: Row) -> list[Row]:
    """What the real follow-ups themselves score against the truth; no row if that is undefined."""
    if metric.family != TRUTH:
        return []
    try:
        value = metric.value_by_subject(**{**given, "generated": given["reference"]})
    except MetricError:
        return []
    return [_row(metric, Value.of(value), role=REAL, **whole)]


def _row(metric: Metric, found: Value, **given: Any) -> Row:
    """One row of the score table, with defaults for columns that do not apply."""
    row = {"subject": "", "visit": "", "interval_years": np.nan, "sample": 0, "role": VALUE}
    what = {"n": 1, "metric": metric.name, "title": metric.title}
    return {**row, **what, "value": found.number, "note": found.note, **given}


def _labelled(rows: list[Row], label: Label, metrics: Sequence[Metric]) -> pd.DataFrame:
    scores = pd.DataFrame(rows)
    identities = {metric.name: vars(identify(metric)) for metric in metrics}
    for key in IDENTITY:
        scores[key] = [identities[name][key] for name in scores["metric"]]
    for key, value in vars(label).items():
        scores[key] = value
    return SCHEMA.validate(scores[list(SCHEMA.columns)])


def read_manifest(folder: Path) -> pd.DataFrame:
    """The volumes that a folder's manifest lists; see ``benchmark.evaluation.predictions``.

    Raises:
        UserError: No manifest, a missing column, a volume that is listed twice.
    """
    return find_predictions(folder).table


def collect_scores(protocol_folder: Path) -> Path:
    """Join the scores of all predictions into the protocol's one table.

    Returns:
        The path of ``scores.csv``.

    Raises:
        UserError: A folder's scores are damaged or gone.
    """
    path = protocol_folder / SCORES
    with Workspace(protocol_folder.parent).lock(path, wait_seconds=60):
        folders = sorted(protocol_folder.glob("predictions/*/"))
        parts = [read_scores(folder / SCORES) for folder in folders if _was_scored(folder)]
        write_table(path, pd.concat(parts, ignore_index=True))
    return path


def _was_scored(folder: Path) -> bool:
    """Whether a folder has scores, or had: they are then missed."""
    return (folder / SCORES).is_file() or SCORES in digests_of(folder).entries


def read_pairs(protocol_folder: Path) -> pd.DataFrame:
    """Read a protocol's pairs, with paths that can be opened.

    Raises:
        DamagedFileError: The file is missing or damaged.
        UserError: The rule for names refuses a subject or a visit.
    """
    path, types = protocol_folder / PAIRS, dict.fromkeys([*KEYS, *STRATA, *PATHS], str)
    known = {"keep_default_na": False, "na_values": [""]}  # a subject may be called NA
    pairs = read_table(path, options={"dtype": types, **known})
    with understood(path):
        lacking = [column for column in COLUMNS if column not in pairs]
        if lacking:
            raise ValueError(f"column {lacking[0]} is missing")
        pairs["interval_years"] = pairs["interval_years"].astype(float)
    for column in KEYS:
        pairs[column] = [
            check_name(name, column, f"{path}, row {row}")
            for row, name in enumerate(pairs[column], 2)
        ]
    for column in PATHS & set(pairs.columns):
        paths = pairs[column]
        pairs[column] = paths.where(paths.isna(), str(protocol_folder.parent) + "/" + paths)
    return pairs
