"""Adds what was simulated to a phantom's visit table: files, and volumes of every visit."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from longibench.benchmark.cohorts.phantom import truth
from longibench.benchmark.cohorts.phantom.truth import TRUTH, truth_file
from longibench.benchmark.cohorts.subject_ids import canonical_subject, shown_visit
from longibench.benchmark.cohorts.visit_table import Cohort

CLEAN, WARP, EXPECTED = "clean", "warp", "expected"  # columns of the visit table
STRUCTURES = ("brain", "grey", "white", "ventricle", "hippocampus")


def true_ml(structure: str) -> str:
    """The visit table's column of a structure's true volume."""
    return f"true_{structure}_ml"


TRUTH_COLUMNS = frozenset({CLEAN, WARP, *map(true_ml, STRUCTURES)})
"""Columns of the visit table that are no covariates: nothing is split or compared by them."""


def with_truth(cohort: Cohort, dataset: Path) -> Cohort:
    """The cohort with the truth of its visits, if the dataset has volumes without noise.

    Args:
        cohort: As read from the dataset.
        dataset: A simulated one.

    Returns:
        The cohort with the columns ``CLEAN``, ``WARP`` and, if futures were simulated, ``EXPECTED``
        (paths; None where there is none) and ``true_ml`` of each structure in ``truth.tsv``;
        unchanged if a visit has no volume without noise, as in a scattered dataset.
    """
    keys = [(canonical_subject(s), shown_visit(v)) for s, v in _visits(cohort.visits)]
    clean = [truth_file(dataset, *key, truth.CLEAN) for key in keys]
    if not all(path.is_file() for path in clean):
        return cohort
    columns: dict[str, list[Any]] = {
        CLEAN: list(map(str, clean)),
        WARP: _found(dataset, keys, truth.WARP),
        **_volumes(dataset, keys),
    }
    if any(expected := _found(dataset, keys, truth.EXPECTED)):
        columns[EXPECTED] = expected
    table = pd.DataFrame(columns, index=cohort.visits.index)
    return replace(cohort, visits=cohort.visits.join(table))


def _found(dataset: Path, keys: list[tuple[str, str]], kind: str) -> list[str | None]:
    paths = [truth_file(dataset, *key, kind) for key in keys]
    return [str(path) if path.is_file() else None for path in paths]


def _visits(visits: pd.DataFrame) -> list[tuple[str, str]]:
    return list(zip(visits["subject"], visits["visit"], strict=True))


def _volumes(dataset: Path, keys: list[tuple[str, str]]) -> dict[str, list[float]]:
    """True volumes in ml, in the order of the visits."""
    table = pd.read_csv(dataset / TRUTH / "truth.tsv", sep="\t", dtype={"participant_id": str})
    rows = {
        (canonical_subject(row["participant_id"]), shown_visit(row["session_id"])): row
        for row in table.to_dict("records")
    }
    return {
        true_ml(name): [float(rows[key][f"{name}_ml"]) for key in keys]
        for name in STRUCTURES
        if f"{name}_ml" in table
    }
