"""Adds what was simulated to a phantom's visit table: files, and volumes of every visit."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from longibench.benchmark.cohorts.phantom import truth
from longibench.benchmark.cohorts.phantom.truth import TRUTH, truth_file
from longibench.benchmark.cohorts.subject_ids import canonical_subject, shown_visit
from longibench.benchmark.cohorts.visit_table import Cohort
from longibench.benchmark.core.checked_files import read_table, understood
from longibench.benchmark.core.errors import UserError

CLEAN, WARP, EXPECTED = "clean", "warp", "expected"  # columns of the visit table
STRUCTURES = ("brain", "grey", "white", "ventricle", "hippocampus")


def true_ml(structure: str) -> str:
    """The visit table's column of a structure's true volume."""
    return f"true_{structure}_ml"


TRUTH_COLUMNS = frozenset({CLEAN, WARP, EXPECTED, *map(true_ml, STRUCTURES)})
"""Columns of the visit table that are no covariates: nothing is split or compared by them."""


def with_truth(cohort: Cohort, dataset: Path) -> Cohort:
    """The cohort with the truth of its visits, if the dataset has volumes without noise.

    Args:
        cohort: As read from the dataset.
        dataset: A simulated one.

    Returns:
        The cohort with the columns ``CLEAN``, ``WARP`` and, if futures were simulated, ``EXPECTED``
        (paths; None where there is none) and ``true_ml`` of each structure in ``truth.tsv``;
        unchanged if no visit has a volume without noise, as in a scattered dataset.

    Raises:
        UserError: A part of the truth is missing or cannot be read.
    """
    keys = [(canonical_subject(s), shown_visit(v)) for s, v in _visits(cohort.visits)]
    clean = [truth_file(dataset, *key, truth.CLEAN) for key in keys]
    missing = [path for path in clean if not path.is_file()]
    if len(missing) == len(clean):
        return cohort
    if missing:
        raise UserError(f"{missing[0]}: no such file; {simulate_again(dataset)}")
    columns: dict[str, list[Any]] = {
        CLEAN: list(map(str, clean)),
        WARP: _found(dataset, keys, truth.WARP),
        **_volumes(dataset, keys),
    }
    if any(expected := _found(dataset, keys, truth.EXPECTED)):
        columns[EXPECTED] = expected
    table = pd.DataFrame(columns, index=cohort.visits.index)
    return replace(cohort, visits=cohort.visits.join(table))


def simulate_again(dataset: Path) -> str:
    """What to do about a part of a simulated dataset that is damaged or gone."""
    return (
        f"delete the folder {dataset}; the same 'python cli.py run' as before simulates it again, "
        "and keeps what was prepared, trained and generated"
    )


def dataset_of(file: Path) -> Path:
    """The dataset of a file that ``truth_file`` names."""
    return file.parents[len(TRUTH.parts) + 3]  # subject, session and anat


def _found(dataset: Path, keys: list[tuple[str, str]], kind: str) -> list[str | None]:
    paths = [truth_file(dataset, *key, kind) for key in keys]
    return [str(path) if path.is_file() else None for path in paths]


def _visits(visits: pd.DataFrame) -> list[tuple[str, str]]:
    return list(zip(visits["subject"], visits["visit"], strict=True))


def _volumes(dataset: Path, keys: list[tuple[str, str]]) -> dict[str, list[float]]:
    """True volumes in ml, in the order of the visits."""
    path, advice = dataset / TRUTH / "truth.tsv", simulate_again(dataset)
    table = read_table(path, advice, {"sep": "\t", "dtype": {"participant_id": str}})
    with understood(path, advice):
        rows = {
            (canonical_subject(row["participant_id"]), shown_visit(row["session_id"])): row
            for row in table.to_dict("records")
        }
        return {
            true_ml(name): [float(rows[key][f"{name}_ml"]) for key in keys]
            for name in STRUCTURES
            if f"{name}_ml" in table
        }
