"""Score volumes that somebody else's code made, under a protocol of the workspace."""

import json
import re
from pathlib import Path

import pandas as pd

from benchmark.console import Console
from benchmark.errors import UserError
from benchmark.evaluation import Evaluator, Label, collect_scores, read_manifest, read_pairs
from benchmark.files import digest, file_digest, write_json, write_text
from benchmark.protocol import build_metrics, describe_metric, load_extractors
from benchmark.settings import MetricSettings
from benchmark.workspace import Workspace

NAME = re.compile(r"\w[\w.-]*")  # becomes part of a folder's name


def evaluate_folder(folder: Path, name: str, protocol: Path, console: Console) -> str:
    """Score a folder and add its row to the protocol's table.

    The folder holds ``manifest.csv`` (columns subject, visit, generated, and sample if several)
    and the volumes it names, on the grid of the protocol's prepared sources, in [-1, 1].

    Args:
        folder: The predictions.
        name: Name of the method in tables.
        protocol: The protocol's folder, ``WORKSPACE/<protocol>``.
        console: For progress.

    Returns:
        Mean of each metric as lines of text.

    Raises:
        UserError: A volume is missing, extra, unreadable, or has another geometry or range.
    """
    if not NAME.fullmatch(name):
        raise UserError(f"--name '{name}': use letters, digits, '.', '_' and '-' only")
    info = json.loads((protocol / "protocol.json").read_text())
    metrics = build_metrics(MetricSettings.model_validate(info["metric_settings"]))
    if [describe_metric(metric) for metric in metrics] != info["metrics"]:
        raise UserError(f"{protocol}: its metrics are defined otherwise today; run it anew")
    load_extractors(metrics)
    files = read_manifest(folder)["generated"]
    made_by = digest(sorted(_digest_of(folder / file) for file in files))
    label = Label(protocol.name, info["split"]["digest"], name, made_by, 0)
    scores = Evaluator(metrics, read_pairs(protocol), console).score(folder, label)
    place = protocol / "predictions" / f"{name}-{made_by}"
    with Workspace(protocol.parent).lock(place):
        _write(place, folder, name, made_by, scores)
    collect_scores(protocol)
    return _summary(scores)


def _write(place: Path, folder: Path, name: str, made_by: str, scores: pd.DataFrame) -> None:
    if place.resolve() != folder.resolve():
        run = {
            "method": name,
            "settings": made_by,
            "training_seed": 0,
            "model": None,
            "details": "volumes made elsewhere",
            "summary": "",
            "folder": str(folder.resolve()),
        }
        write_json(place / "run.json", run)
    write_text(place / "scores.csv", scores.to_csv(index=False))


def _digest_of(path: Path) -> str:
    if not path.is_file():
        raise UserError(f"{path}: the manifest names it, but it does not exist")
    return file_digest(path)


def _summary(scores: pd.DataFrame) -> str:
    values = scores[scores["role"] == "value"]
    return values.groupby("title", sort=False)["value"].mean().to_string(header=False)
