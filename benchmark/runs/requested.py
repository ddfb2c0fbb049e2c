"""``requested.json`` of a protocol: the cells that runs asked for, finished or not.

It is written before the first cell, so that the report of an interrupted run can list what is
missing.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NotRequired

from typing_extensions import TypedDict

from longibench.benchmark.core.checked_files import read_json, write_json
from longibench.benchmark.core.command_line import typed
from longibench.benchmark.core.workspace import PATIENCE, REQUESTED, Workspace

if TYPE_CHECKING:
    from longibench.benchmark.evaluation.evaluate import Label
    from longibench.benchmark.protocol.metric_identity import Identity
    from longibench.benchmark.runs.cell import Cell
    from longibench.benchmark.runs.forecast_rows import ForecastRow

ADVICE = "delete it, and the same 'python cli.py run' writes it again"


class RequestedCell(TypedDict):
    """One cell: a method with one digest of settings and one training seed.

    ``model`` is the folder of its training in the workspace, None if nothing is trained, and
    ``iterations`` are its training steps; ``volumes`` are to be generated; ``metrics`` are names
    and definitions; ``command`` is what a user types to continue, in the folder ``started_in``.
    """

    method: str
    settings: str
    training_seed: int
    model: str | None
    iterations: int
    volumes: int
    metrics: list[tuple[str, str]]
    command: str
    started_in: NotRequired[str]


class Requested(TypedDict):
    """``cells`` by the name of their predictions' folder, protocols of all ``folds`` by fold."""

    cells: dict[str, RequestedCell]
    folds: dict[str, str]


def record_request(
    folder: Path,
    cells: Sequence["Cell"],
    forecasts: Sequence["ForecastRow"],
    folds: Mapping[int, str],
) -> None:
    """Add a run's cells to those of a protocol; a cell that was requested before is replaced.

    Args:
        folder: The protocol's folder.
        cells: Cells of the protocol.
        forecasts: Its forecasts, of which nothing is trained and no volume is generated.
        folds: The protocol of each fold that is run by the same command.
    """
    asked = {
        cell.folder.name: _requested(cell.label, cell.scoring.identities, cell) for cell in cells
    }
    asked |= {its.folder.name: _requested(its.label, its.measured_by) for its in forecasts}
    with Workspace(folder.parent).lock(folder / REQUESTED, PATIENCE):
        before = read_requested(folder)
        after: Requested = {
            "cells": {**before["cells"], **asked},
            "folds": {**before["folds"], **{str(fold): name for fold, name in folds.items()}},
        }
        if after != before:
            write_json(folder / REQUESTED, after)


def read_requested(folder: Path) -> Requested:
    """The cells that runs asked for; none if an earlier version wrote the protocol.

    Raises:
        DamagedFileError: The file is damaged.
    """
    path = folder / REQUESTED
    if not path.is_file():
        return {"cells": {}, "folds": {}}
    return read_json(path, Requested, ADVICE)


def _requested(
    label: "Label", metrics: Iterable["Identity"], cell: "Cell | None" = None
) -> RequestedCell:
    job, training = (cell.generation, cell.training) if cell else (None, None)
    return {
        "method": label.method,
        "settings": label.settings,
        "training_seed": label.training_seed,
        "model": job.info["model"] if job else None,
        "iterations": training.training.iterations if training else 0,
        "volumes": len(job.pairs) * job.generation.samples if job else 0,
        "metrics": [(its.name, its.definition) for its in metrics],
        "command": typed(sys.argv),
        "started_in": str(Path.cwd()),
    }
