"""Score volumes that other code generated, under a protocol of the workspace."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import nibabel as nib
import pandas as pd

from longibench.benchmark.core.checked_files import checked_file, write_json, write_table
from longibench.benchmark.core.console import Console
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.files import digest, file_digest
from longibench.benchmark.core.found_files import why_absent
from longibench.benchmark.core.names import check_name, file_name_part, inside
from longibench.benchmark.core.workspace import MANIFEST, RUN, SCORES, Workspace
from longibench.benchmark.evaluation.evaluate import Evaluator, Label, collect_scores, read_pairs
from longibench.benchmark.evaluation.generate import file_names, read_run
from longibench.benchmark.evaluation.predictions import (
    DEFORMATION,
    Predictions,
    join_pairs,
    spelled_as,
)
from longibench.benchmark.evaluation.score_checks import refuse_broken, score_warnings
from longibench.benchmark.evaluation.score_table import known_scores, merge_scores
from longibench.benchmark.preparation.scale import all_bright
from longibench.benchmark.preparation.space import (
    PLAIN,
    RANGE_TOLERANCE,
    Fit,
    Space,
    Volume,
    read_generated,
    read_stored,
)
from longibench.benchmark.preparation.steps.intensity import BACKGROUND
from longibench.benchmark.preparation.store.volumes import read_volume
from longibench.benchmark.protocol.metric_identity import identify
from longibench.benchmark.protocol.protocol_file import read_protocol, require_current
from longibench.benchmark.protocol.protocol_metrics import (
    build_metrics,
    load_extractors,
    prepare_metrics,
)
from longibench.benchmark.protocol.recorded_metrics import read_recorded, recorded_settings
from longibench.benchmark.settings.schema import MetricSettings
from longibench.metrics.metric import Metric

LEAST_DARK = 0.05  # of a real volume: with less background at -1, no scale can be judged by it


@dataclass(frozen=True)
class Submission:
    """Volumes made elsewhere.

    Attributes:
        predictions: Their files.
        name: Name of the method in tables.
        fit: How they may be fitted to the source's grid and range.
    """

    predictions: Predictions
    name: str
    fit: Fit = PLAIN

    def __post_init__(self) -> None:
        check_name(self.name, "name", "--name")

    @cached_property
    def made_by(self) -> str:
        """Digest of the files and of how they are fitted.

        Raises:
            UserError: A file does not exist, or has not the digest that the manifest lists.
        """
        table = self.predictions.table
        listed = table["sha256"] if "sha256" in table else [""] * len(table)
        named = zip(table["generated"], listed, strict=True)
        files = sorted(self._digest_of(file, sha256) for file, sha256 in named)
        if DEFORMATION in table:
            files += sorted(self._digest_of(file, "") for file in table[DEFORMATION] if file)
        return digest(files if self.fit.is_plain else [*files, repr(self.fit)])

    def _digest_of(self, file: str, listed: str) -> str:
        path = self.predictions.path(file)
        if problem := why_absent(path):
            raise UserError(f"{path}: {self.predictions.where} lists it: {problem}")
        found = file_digest(path)
        if listed and found != listed.strip().lower():
            raise UserError(
                f"{path}: its SHA256 is not the one that {self.predictions.where} lists"
            )
        return found


@dataclass(frozen=True)
class Terms:
    """The protocol and metrics under which a submission is scored.

    Attributes:
        protocol: Name of the protocol.
        info: Content of its ``protocol.json``.
        pairs: Its pairs, with paths that can be opened.
        metrics: Settings of its metrics; several entries if extractors differ.
        recorded: Names and definitions of its metrics; empty for a new protocol.
    """

    protocol: str
    info: dict[str, Any]
    pairs: pd.DataFrame
    metrics: tuple[MetricSettings, ...]
    recorded: frozenset[tuple[str, str]] = frozenset()

    @classmethod
    def of(cls, folder: Path) -> "Terms":
        """The terms of a protocol that was run.

        Raises:
            UserError: An earlier version ran it, so nothing can be added, or it has no metric.
        """
        require_current(folder)
        info = read_protocol(folder)
        facts = read_recorded(folder)
        if not facts:
            raise UserError(f"{folder}: no metric has been computed; run it first")
        metrics = tuple(recorded_settings(facts))
        recorded = frozenset((its["name"], its["definition"]) for its in facts)
        return cls(folder.name, info, read_pairs(folder), metrics, recorded)


def score_submission(
    submission: Submission,
    terms: Terms,
    workspace: Workspace,
    console: Console,
    plugins: Sequence[Path] = (),
    workers: int = 0,
    device: str = "cpu",
) -> pd.DataFrame:
    """Score volumes; only measured values are written.

    Args:
        submission: The volumes.
        terms: The protocol and its metrics.
        workspace: Where measured values are stored.
        console: For progress.
        plugins: Files with further metrics.
        workers: Volumes scored in parallel; 0 for one a core.
        device: Device of the metrics' networks.

    Raises:
        UserError: A volume is missing, extra, unreadable, or has another geometry or range; all lie
            in [0, 1]; or a row of other volumes has the name.
    """
    groups = [
        metrics
        for settings in terms.metrics
        if (metrics := _built(settings, terms, workspace, console, plugins, device))
    ]
    if not groups:
        raise UserError(f"{terms.protocol}: none of its metrics can be computed here")
    _require_scale(submission, terms.pairs)  # raises before the extractor is loaded
    _refuse_taken(submission, workspace.protocol(terms.protocol))
    split = terms.info["split"]["digest"]
    label = Label(terms.protocol, split, submission.name, submission.made_by, 0)
    scores = None
    for metrics in groups:
        load_extractors(metrics)
        evaluator = Evaluator(metrics, terms.pairs, console, workspace.measured, workers)
        found = evaluator.score(submission.predictions, label, submission.fit)
        scores = merge_scores(scores, found)
    assert scores is not None  # there is a group
    refuse_broken(scores)
    for warning in score_warnings(scores):
        console.warn(warning)
    return scores


def _require_scale(submission: Submission, pairs: pd.DataFrame) -> None:
    """Refuse volumes that all lie in [0, 1] while real volumes have their background at -1.

    Usually one volume is read: the first has dark voxels. Values are those that are stored, since
    resampling adds background.
    """
    table = join_pairs(submission.predictions, pairs).sort_values(["subject", "visit", "sample"])
    if submission.fit.intensities is not None:
        return
    source = str(table["source"].iloc[0])
    dark = float((read_volume(source) <= BACKGROUND + RANGE_TOLERANCE).mean())
    if dark < LEAST_DARK:
        return
    bright = all_bright(_stored(submission, table))
    if bright:
        where = submission.predictions.where
        raise bright.refused(where, f"{dark:.0%} of a real volume is background at -1")


def _stored(submission: Submission, table: pd.DataFrame) -> Iterator[Volume]:
    """The volumes as they are stored, one at a time."""
    for file, source in zip(table["generated"], table["source"], strict=True):
        path = submission.predictions.path(file)
        yield read_stored(path, Space.read(source), submission.fit)


def _built(
    settings: MetricSettings,
    terms: Terms,
    workspace: Workspace,
    console: Console,
    plugins: Sequence[Path],
    device: str,
) -> list[Metric]:
    """The metrics that can be computed here: some metrics of a protocol may need a plugin."""
    names = []
    for name in settings.names:
        try:
            _try(settings.model_copy(update={"names": (name,)}), terms, plugins)
            names.append(name)
        except UserError as error:
            if not terms.recorded:  # a new protocol needs all its metrics
                raise
            console.warn(f"{name} gets no value: {error}")
    if not names:
        return []
    chosen = settings.model_copy(update={"names": tuple(names)})
    return build_metrics(chosen, workspace.measured, plugins, device)


def _try(settings: MetricSettings, terms: Terms, plugins: Sequence[Path]) -> None:
    """Build one metric, and check that its definition is that of the protocol's tables.

    Raises:
        UserError: It cannot be computed here, or has another definition.
    """
    metrics = build_metrics(settings, None, plugins)
    prepare_metrics(metrics)
    for metric in metrics:
        its = identify(metric)
        if terms.recorded and (its.name, its.definition) not in terms.recorded:
            raise UserError(
                "its definition has changed; run the protocol's methods again, 'python cli.py run'"
            )


def _refuse_taken(submission: Submission, protocol: Path) -> None:
    """Refuse a name that a row of the protocol has, unless it is the row of the same volumes.

    Raises:
        UserError: Names the folder of that row.
    """
    for path in sorted((protocol / "predictions").glob(f"*/{RUN}")):
        if path.parent == _place(submission, protocol):
            continue
        if read_run(path.parent)["method"] == submission.name:
            raise UserError(
                f"--name {submission.name}: a row of {protocol.name} has this name, from other "
                f"volumes or options; choose another name, or delete {path.parent} to replace it"
            )


def _place(submission: Submission, protocol: Path) -> Path:
    """The folder of a submission under a protocol."""
    name = f"{file_name_part(submission.name)}-{submission.made_by}"
    return inside(protocol / "predictions", name)


def add_submission(
    submission: Submission, terms: Terms, scores: pd.DataFrame, workspace: Workspace
) -> None:
    """Add a scored submission to the tables of its protocol."""
    folder = workspace.protocol(terms.protocol)
    place = _place(submission, folder)
    with workspace.lock(place):
        _write(place, submission, terms.pairs, scores)
    collect_scores(folder)


def _write(place: Path, submission: Submission, pairs: pd.DataFrame, scores: pd.DataFrame) -> None:
    predictions = submission.predictions
    if place.resolve() != predictions.folder.resolve():
        run = {
            "method": submission.name,
            "settings": submission.made_by,
            "training_seed": 0,
            "model": None,
            "details": "volumes made elsewhere",
            "summary": "",
            "came_from": str(predictions.where.resolve()),
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "fit": {"rule": submission.fit.rule, "range": submission.fit.intensities},
        }
        table = spelled_as(predictions.table, pairs)
        files = _as_scored(place, submission, table, pairs)
        digests = [file_digest(place / file) for file in files]
        table = table.assign(generated=files, sha256=digests)
        if DEFORMATION in table:
            table[DEFORMATION] = [_full(predictions, file) for file in table[DEFORMATION]]
        write_table(place / MANIFEST, table)
        write_json(place / RUN, run)
    path = place / SCORES
    write_table(path, merge_scores(known_scores(place), scores))


def _full(predictions: Predictions, file: str) -> str:
    """Full path of a file that a manifest lists; an empty cell stays empty."""
    return str(predictions.path(file).resolve()) if file else ""


def _as_scored(
    place: Path, submission: Submission, table: pd.DataFrame, pairs: pd.DataFrame
) -> list[str]:
    """The files for the report: the given ones, or copies if they were fitted."""
    if submission.fit.is_plain:
        return [str(submission.predictions.path(file).resolve()) for file in table["generated"]]
    sources = pairs.drop_duplicates("subject").set_index("subject")["source"]
    names = file_names(table)
    for name, row in zip(names, table.to_dict("records"), strict=True):
        _fit(inside(place, name), submission, row, str(sources[row["subject"]]))
    return names


def _fit(file: Path, submission: Submission, row: dict[Any, Any], source: str) -> None:
    """Write a volume as it was scored."""
    grid = Space.read(source)
    path = submission.predictions.path(row["generated"])
    voxels = read_generated(path, grid, submission.fit)
    with checked_file(file) as temporary:
        nib.save(nib.Nifti1Image(voxels, grid.affine), temporary)
