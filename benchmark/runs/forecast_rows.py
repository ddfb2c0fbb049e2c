"""The rows that forecast volumes of tissue: by default beside the methods, once a protocol.

They are no methods: they have no image, and are scored by the metrics of change of volumes alone.
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from longibench.benchmark.core.checked_files import write_json, write_table
from longibench.benchmark.core.code_identity import module_digest
from longibench.benchmark.core.console import Console
from longibench.benchmark.core.damage import remove_changed
from longibench.benchmark.core.files import digest
from longibench.benchmark.core.workspace import PATIENCE, RUN, SCORES
from longibench.benchmark.evaluation import forecast_fit
from longibench.benchmark.evaluation.evaluate import Label
from longibench.benchmark.evaluation.forecast_fit import KNOWN
from longibench.benchmark.evaluation.score_table import IDENTITY, known_scores, merge_scores
from longibench.benchmark.protocol.metric_identity import Identity
from longibench.benchmark.protocol.protocol import Protocol
from longibench.benchmark.runs.cell import Scoring
from longibench.benchmark.runs.forecast_names import measures_forecasts, summary
from longibench.metrics.metric import Metric

ROLE = "forecast"


@dataclass(frozen=True)
class ForecastRow:
    """A forecast under one protocol.

    Attributes:
        label: Its place in the score table.
        made_by: What determines it.
        folder: Of its scores.
        measured_by: The metrics that it can be scored by.
    """

    label: Label
    made_by: dict[str, Any]
    folder: Path
    measured_by: tuple[Identity, ...]


def forecast_rows(
    names: Sequence[str], protocol: Protocol, scoring: Scoring
) -> tuple[ForecastRow, ...]:
    """The rows of forecasts.

    Args:
        names: Some of ``FORECASTS``.
        protocol: Its training pairs, which they are fitted on.
        scoring: How its cells are scored.
    """
    return tuple(_row(name, protocol, scoring) for name in names)


def score_forecasts(
    names: Sequence[str],
    protocol: Protocol,
    scoring: Scoring,
    console: Console,
    metrics: Sequence[Metric] | None = None,
) -> None:
    """Score the forecasts of a protocol that are not scored yet.

    Args:
        names: Some of ``FORECASTS``.
        protocol: Its training pairs, which they are fitted on.
        scoring: How its cells are scored.
        console: For progress.
        metrics: The metrics, built; None builds them.

    Raises:
        UserError: A volume cannot be read, or another process writes the same files.
    """
    rows = list(forecast_rows(names, protocol, scoring))
    workspace = scoring.workspace
    left = {row.folder: _left(row, scoring, console) for row in rows}
    rows = [row for row in rows if left[row.folder]]
    if not rows:
        return
    every = sorted({name for found in left.values() for name in found})
    evaluator = scoring.evaluator(console, metrics).only(every)
    scores = evaluator.score_forecasts(protocol.train_pairs, [row.label for row in rows])
    for row, new in zip(rows, scores, strict=True):
        with workspace.lock(row.folder, PATIENCE):
            write_json(row.folder / RUN, _facts(row))
            write_table(row.folder / SCORES, merge_scores(known_scores(row.folder), new))


def _row(name: str, protocol: Protocol, scoring: Scoring) -> ForecastRow:
    """The identity of a forecast: its code and what is known of people; the volumes are the rest.

    The protocol's name stands for volumes and split, the definition of a metric for segmentation.
    """
    known = [_known(pairs) for pairs in (protocol.train_pairs, protocol.test_pairs)]
    code = module_digest(forecast_fit)
    made_by = {"method": name, "code": code, "known_at_source": digest(known)}
    label = Label(protocol.name, protocol.info["split"]["digest"], name, digest(made_by), 0)
    place = scoring.workspace.predictions(protocol.name, f"{name}-{label.settings}")
    measured_by = tuple(its for its in scoring.identities if measures_forecasts(its.name))
    return ForecastRow(label, made_by, place, measured_by)


def _known(pairs: pd.DataFrame) -> list[list[str]]:
    """What the fit reads besides volumes and intervals."""
    columns = [name for name in KNOWN if name in pairs]
    return [columns, *pairs[["subject", *columns]].astype(str).to_numpy().tolist()]


def _left(row: ForecastRow, scoring: Scoring, console: Console) -> list[str]:
    """Names of its metrics without scores, after the removal of damaged files."""
    if row.folder.is_dir():
        with scoring.workspace.lock(row.folder, PATIENCE):
            remove_changed(row.folder, console)
    scores, done = known_scores(row.folder), set()
    if scores is not None and (row.folder / RUN).is_file():
        done = set(scores[["metric", *IDENTITY]].itertuples(index=False, name=None))
    return [its.name for its in row.measured_by if astuple(its) not in done]


def _facts(row: ForecastRow) -> dict[str, Any]:
    """``run.json``; there are no volumes, and no costs."""
    return {
        "method": row.label.method,
        "settings": row.label.settings,
        "training_seed": row.label.training_seed,
        "model": None,
        "made_by": row.made_by,
        "role": ROLE,
        "details": "volumes, no image",
        "summary": summary(row.label.method),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
