"""Score volumes that somebody else's code made, under a protocol of the workspace."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import nibabel as nib
import pandas as pd

from benchmark.console import Console
from benchmark.data import load_nifti
from benchmark.errors import UserError
from benchmark.evaluation import Evaluator, Label, collect_scores, read_pairs
from benchmark.files import atomic_file, digest, file_digest, write_json, write_text
from benchmark.generation import file_name
from benchmark.geometry import PLAIN, Fit, Space, read_generated
from benchmark.measures import build_metrics, describe_metric, load_extractors
from benchmark.predictions import MANIFEST, Predictions, join_pairs
from benchmark.settings import MetricSettings
from benchmark.workspace import Workspace

NAME = re.compile(r"\w[\w.-]*")  # becomes part of a folder's name


@dataclass(frozen=True)
class Submission:
    """Volumes made elsewhere.

    Attributes:
        predictions: Where they lie.
        name: Name of the method in tables.
        fit: What may be done to them.
    """

    predictions: Predictions
    name: str
    fit: Fit = PLAIN

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise UserError(f"--name '{self.name}': use letters, digits, '.', '_' and '-' only")

    @cached_property
    def made_by(self) -> str:
        """Digest of the files and of what is done to them.

        Raises:
            UserError: A file does not exist.
        """
        files = sorted(self._digest_of(file) for file in self.predictions.table["generated"])
        return digest(files if self.fit.is_plain else [*files, repr(self.fit)])

    def _digest_of(self, file: str) -> str:
        path = self.predictions.path(file)
        if not path.is_file():
            raise UserError(f"{path}: {self.predictions.where} names it, but it does not exist")
        return file_digest(path)


@dataclass(frozen=True)
class Terms:
    """Under what a submission is scored.

    Attributes:
        protocol: Name of the protocol.
        info: What its ``protocol.json`` says.
        pairs: Its pairs, with paths that can be opened.
    """

    protocol: str
    info: dict[str, Any]
    pairs: pd.DataFrame

    @classmethod
    def of(cls, folder: Path) -> "Terms":
        """The terms of a protocol that was run."""
        info = json.loads((folder / "protocol.json").read_text(encoding="utf-8"))
        return cls(folder.name, info, read_pairs(folder))


def score_submission(
    submission: Submission,
    terms: Terms,
    workspace: Workspace,
    console: Console,
    plugins: Sequence[Path] = (),
    workers: int = 0,
) -> pd.DataFrame:
    """Score volumes; nothing but measured values is written.

    Args:
        submission: The volumes.
        terms: What they are scored under.
        workspace: Where measured values are kept.
        console: For progress.
        plugins: Files with further metrics.
        workers: Volumes scored side by side; 0 takes one a core.

    Raises:
        UserError: A volume is missing, extra, unreadable, or has another geometry or range.
    """
    settings = MetricSettings.model_validate(terms.info["metric_settings"])
    metrics = build_metrics(settings, workspace.measured, plugins)
    if [describe_metric(metric) for metric in metrics] != terms.info["metrics"]:
        raise UserError(f"{terms.protocol}: its metrics are defined otherwise today; run it anew")
    join_pairs(submission.predictions, terms.pairs)  # told before the extractor is loaded
    split = terms.info["split"]["digest"]
    label = Label(terms.protocol, split, submission.name, submission.made_by, 0)
    load_extractors(metrics)
    evaluator = Evaluator(metrics, terms.pairs, console, workspace.measured, workers)
    return evaluator.score(submission.predictions, label, submission.fit)


def add_submission(
    submission: Submission, terms: Terms, scores: pd.DataFrame, workspace: Workspace
) -> None:
    """Add a scored submission to the tables of its protocol."""
    folder = workspace.protocol(terms.protocol)
    place = folder / "predictions" / f"{submission.name}-{submission.made_by}"
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
            "fit": {"rule": submission.fit.rule, "range": submission.fit.intensities},
        }
        table = predictions.table.assign(generated=_as_scored(place, submission, pairs))
        write_text(place / MANIFEST, table.to_csv(index=False))
        write_json(place / "run.json", run)
    write_text(place / "scores.csv", scores.to_csv(index=False))


def _as_scored(place: Path, submission: Submission, pairs: pd.DataFrame) -> list[str]:
    """The files for the report: those given, or copies where they were scored otherwise."""
    table = submission.predictions.table
    if submission.fit.is_plain:
        return [str(submission.predictions.path(file).resolve()) for file in table["generated"]]
    sources = pairs.drop_duplicates("subject").set_index("subject")["source"]
    return [
        _fitted(place, submission, row, str(sources[row["subject"]]))
        for row in table.to_dict("records")
    ]


def _fitted(place: Path, submission: Submission, row: dict[Any, Any], source: str) -> str:
    grid = load_nifti(source)
    name = file_name(row["subject"], row["visit"], row["sample"])
    path = submission.predictions.path(row["generated"])
    voxels = read_generated(path, Space.of(grid), submission.fit)
    with atomic_file(place / name) as temporary:
        nib.save(nib.Nifti1Image(voxels, grid.affine), temporary)
    return name
