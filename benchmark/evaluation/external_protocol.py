"""A protocol for scoring only: a cohort's real follow-ups, without training."""

from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from longibench.benchmark.cohorts.open_cohort import open_cohort
from longibench.benchmark.cohorts.visit_table import Cohort
from longibench.benchmark.core.console import Console
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.files import digest
from longibench.benchmark.core.workspace import PATIENCE, Workspace
from longibench.benchmark.evaluation.predictions import (
    KEYS,
    Predictions,
    join_pairs,
    spelled_as,
)
from longibench.benchmark.preparation.as_is import take_as_is
from longibench.benchmark.preparation.space import Fit, Misfit, Space
from longibench.benchmark.preparation.steps.plan import resolve
from longibench.benchmark.protocol.pairs import COLUMNS, make_pairs
from longibench.benchmark.protocol.protocol import (
    Evaluation,
    PreparedCohort,
    Protocol,
    ensure_prepared,
    finish_protocol,
    with_truth,
)
from longibench.benchmark.protocol.protocol_metrics import require_truth
from longibench.benchmark.protocol.splits.split import split_cohort
from longibench.benchmark.settings.loading import load_settings, presets
from longibench.benchmark.settings.schema import Settings

Part = Literal["all", "test"]
EVERYBODY = "everybody is evaluated; nothing was trained here"


@dataclass(frozen=True)
class Choice:
    """The part of a cohort to score against, and how.

    Attributes:
        part: ``test``: only the test part of the settings' split.
        some: Score the pairs that have a volume, instead of refusing missing volumes. This is
            another protocol.
        as_is: Take the cohort's scans on their own grid, with these intensities, instead of
            preparing them.
    """

    part: Part = "all"
    some: bool = False
    as_is: Fit | None = None


def build_scoring_protocol(
    settings: Settings,
    workspace: Workspace,
    console: Console,
    predictions: Predictions,
    choice: Choice,
) -> Protocol:
    """Read and pair a cohort for volumes that were generated elsewhere.

    Args:
        settings: ``cohort`` is the cohort to score against; pairs, grid, preparation and metrics
            are used too.
        workspace: Where prepared volumes are stored.
        console: For progress.
        predictions: The volumes to score.
        choice: The part of the cohort to score against.

    Raises:
        UserError: Any problem of the data or settings.
    """
    found = open_cohort(settings.cohort, settings, workspace, console)
    _check_tables(found, settings, predictions, choice)
    if choice.as_is:
        with workspace.lock(workspace.prepared, PATIENCE):
            prepared, grid = take_as_is(found, workspace.prepared, console, choice.as_is)
        source, settings = (
            PreparedCohort(found, prepared),
            settings.model_copy(update={"grid": grid}),
        )
    else:
        source = ensure_prepared(found, settings, workspace, console)
    chosen, split = _chosen(source.table, settings, choice.part)
    pairs = make_pairs(chosen, settings.pairs)
    if choice.some:
        pairs = _with_volume(pairs, predictions)
    if not choice.as_is:  # scans on their own grid have no scaling that a truth could share
        source = with_truth(source, pairs, settings, workspace, console)
    info: dict[str, Any] = {
        "cohort": {**source.info(), "shareable": found.shareable},
        "training_cohort": None,
        "split": split,
        "warnings": [],
    }
    evaluation = Evaluation(source, pairs, settings.pairs, split["digest"], training="")
    none = pd.DataFrame(columns=COLUMNS)
    return finish_protocol(evaluation, settings, info, train_pairs=none, validation_pairs=none)


def preset_for(predictions: Predictions) -> str:
    """The preset whose grid has the shape of the volumes.

    Raises:
        UserError: The first volume cannot be read, or no preset has its shape.
    """
    path = predictions.path(str(predictions.table["generated"].iloc[0]))
    try:
        shape = Space.found(path).shape
    except Misfit as error:
        raise UserError(f"{path}: {error}") from error
    shapes = {tuple(load_settings(name).grid.shape): name for name in reversed(presets())}
    if shape not in shapes:
        known = ", ".join(f"{name} {'x'.join(map(str, sides))}" for sides, name in shapes.items())
        raise UserError(
            f"{path}: its shape is {shape}, which no preset's grid has ({known}). If the cohort's "
            "scans are on the same grid, add --as-is; else choose the grid for the comparison: "
            "--preset NAME or --set grid.shape=[X,Y,Z] with a preset, and --grid resample"
        )
    return shapes[shape]


def _check_tables(
    found: Cohort, settings: Settings, predictions: Predictions, choice: Choice
) -> None:
    """Check what tables decide before a scan is opened: split, pairs, and a volume for each.

    After preparation, which may leave out damaged scans, it is decided again.
    """
    if not choice.as_is:
        resolve(settings.preparation, found)
    require_truth(settings, found, as_is=choice.as_is is not None)
    chosen, _ = _chosen(found.visits, settings, choice.part)
    pairs = make_pairs(chosen.assign(volume=chosen["path"]), settings.pairs)
    join_pairs(predictions, _with_volume(pairs, predictions) if choice.some else pairs)


def _chosen(
    table: pd.DataFrame, settings: Settings, part: Part
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Visits of the test subjects, and the record of the split."""
    subjects = sorted(table["subject"].unique())
    rule, name = EVERYBODY, digest([EVERYBODY, subjects])
    if part == "test":
        split = split_cohort(table, settings.split)
        subjects, rule, name = sorted(split.test), split.rule, split.digest
    record = {"rule": rule, "digest": name, "train_subjects": 0, "validation_subjects": 0}
    return table[table["subject"].isin(subjects)], {**record, "test_subjects": len(subjects)}


def _with_volume(pairs: pd.DataFrame, predictions: Predictions) -> pd.DataFrame:
    kept = pairs.merge(spelled_as(predictions.table, pairs)[KEYS].drop_duplicates(), on=KEYS)
    if kept.empty:
        raise UserError(
            f"{predictions.where}: no volume belongs to a pair of the cohort; one of its subjects "
            f"is {pairs['subject'].iloc[0]}, one of its visits {pairs['visit'].iloc[0]}"
        )
    return kept[COLUMNS]
