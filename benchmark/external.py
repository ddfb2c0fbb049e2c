"""Score volumes that somebody else's code made, under a protocol of the workspace."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import pandas as pd

from benchmark.console import Console
from benchmark.data import load_nifti
from benchmark.errors import UserError
from benchmark.evaluation import Evaluator, Label, collect_scores, read_pairs
from benchmark.files import atomic_file, digest, file_digest, write_json, write_text
from benchmark.geometry import PLAIN, Fit, Misfit, Space, read_fitting
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

    @property
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


def evaluate_submission(
    submission: Submission,
    protocol: Path,
    console: Console,
    plugins: Sequence[Path] = (),
    workers: int = 0,
) -> pd.DataFrame:
    """Score volumes and add their row to the protocol's table.

    Args:
        submission: The volumes.
        protocol: The protocol's folder, ``WORKSPACE/<protocol>``.
        console: For progress.
        plugins: Files with further metrics.
        workers: Volumes scored side by side; 0 takes one a core.

    Returns:
        The scores.

    Raises:
        UserError: A volume is missing, extra, unreadable, or has another geometry or range.
    """
    info = json.loads((protocol / "protocol.json").read_text())
    workspace = Workspace(protocol.parent)
    settings = MetricSettings.model_validate(info["metric_settings"])
    metrics = build_metrics(settings, workspace.measured, plugins)
    if [describe_metric(metric) for metric in metrics] != info["metrics"]:
        raise UserError(f"{protocol}: its metrics are defined otherwise today; run it anew")
    pairs = read_pairs(protocol)
    join_pairs(submission.predictions, pairs)  # what is missing is told before files are read
    label = Label(protocol.name, info["split"]["digest"], submission.name, submission.made_by, 0)
    load_extractors(metrics)
    evaluator = Evaluator(metrics, pairs, console, workspace.measured, workers)
    scores = evaluator.score(submission.predictions, label, submission.fit)
    place = protocol / "predictions" / f"{submission.name}-{label.settings}"
    with workspace.lock(place):
        _write(place, submission, pairs, label, scores)
    collect_scores(protocol)
    return scores


def _write(
    place: Path, submission: Submission, pairs: pd.DataFrame, label: Label, scores: pd.DataFrame
) -> None:
    predictions = submission.predictions
    if place.resolve() != predictions.folder.resolve():
        run = {
            "method": label.method,
            "settings": label.settings,
            "training_seed": label.training_seed,
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
    name = f"sub-{row['subject']}_{row['visit']}_sample-{row['sample']}_T1w.nii.gz"
    path = submission.predictions.path(row["generated"])
    try:
        voxels = read_fitting(path, Space.of(grid), submission.fit)
    except Misfit as error:  # changed since it was scored
        raise UserError(f"{path}: {error}") from error
    with atomic_file(place / name) as temporary:
        nib.save(nib.Nifti1Image(voxels, grid.affine), temporary)
    return name
