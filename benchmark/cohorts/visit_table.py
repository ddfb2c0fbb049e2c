"""The visit table: one row per scan, validated once; the only representation of a cohort."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from longibench.benchmark.core.errors import UserError
from longibench.benchmark.settings.preparation import Step

COLUMNS = ("subject", "visit", "years", "path")
OTHER_SPELLING = re.compile(r"^\./|/\.?(/|$)")  # of a path that pathlib would shorten
LEFT_OUT = ("subject", "visit", "reason", "detail")


@dataclass(frozen=True)
class Covariate:
    """A covariate of a participant.

    Attributes:
        at_source: Whether it is known when the source is scanned, so that a method may use it for
            any follow-up. The others belong to their own visit: a follow-up's would be a leak.
        meaning: What it is, with unit and values.
    """

    at_source: bool
    meaning: str


COVARIATES = {
    "age": Covariate(True, "years at the first scan"),
    "sex": Covariate(True, "F or M"),
    "group": Covariate(True, "diagnosis or study group at the first scan"),
    "site": Covariate(True, "where the first scan was made"),
    "education": Covariate(True, "years of education"),
    "apoe4": Covariate(True, "number of APOE e4 alleles"),
    "diagnosis": Covariate(False, "diagnosis at the visit: CN, MCI, AD"),
    "mmse": Covariate(False, "Mini-Mental State Examination at the visit, 0 to 30"),
    "field_tesla": Covariate(False, "field strength of the scanner at the visit, tesla"),
}


@dataclass(frozen=True)
class Cohort:
    """A set of longitudinal scans.

    Attributes:
        name: How the user named it, such as ``"phantom"`` or ``"bids:/data/adni"``.
        visits: One row per scan, sorted by subject and time. Columns: ``subject`` (canonical id),
            ``visit`` (label), ``years`` (since the subject's first scan), ``path`` (image file).
            Further columns are ``COVARIATES``.
        shareable: Whether images of its participants may leave the machine.
        left_out: What was found but not used; columns ``LEFT_OUT``: ``reason`` is one of a few,
            ``detail`` names the file or what was taken instead.
        done: Steps of preparation that were already applied to its scans.
        space: ``"MNI152"`` if the scans are in the template's world coordinates already.
        axes: Voxel orientation of files that do not specify it, such as ``"ASL"``; empty if
            unknown.
        notes: Notes of the reader, such as which table the dates are from.
    """

    name: str
    visits: pd.DataFrame
    shareable: bool
    left_out: pd.DataFrame
    done: frozenset[Step] = frozenset()
    space: Literal["", "MNI152"] = ""
    notes: tuple[str, ...] = ()
    axes: str = ""

    @property
    def subjects(self) -> list[str]:
        """Canonical ids, sorted."""
        return sorted(self.visits["subject"].unique())


def visit_table(rows: pd.DataFrame, where: str) -> pd.DataFrame:
    """Check and sort rows into a visit table.

    Args:
        rows: At least the columns ``subject``, ``visit``, ``years`` and ``path``. Time may start
            at any value; it is shifted so that each subject's first scan is at zero.
        where: The file or folder to name in errors.

    Returns:
        The table sorted by subject and years, with ``years`` counted from the first scan.

    Raises:
        UserError: No rows, a missing value, a duplicate scan, two visits of one subject at the same
            time or with the same label.
    """
    if rows.empty:
        raise UserError(f"{where}: no scan was found; see --help for the known layouts")
    table = rows.copy()
    table["path"] = [
        str(Path(p)) if OTHER_SPELLING.search(p) else p for p in map(str, table["path"])
    ]
    table["years"] = table["years"].astype(float)
    table["years"] -= table.groupby("subject")["years"].transform("min")
    table = table.sort_values(["subject", "years", "visit"], ignore_index=True)
    _check(table, where)
    rest = [column for column in table.columns if column not in COLUMNS]
    return table[[*COLUMNS, *rest]]


def _check(table: pd.DataFrame, where: str) -> None:
    missing = table[list(COLUMNS)].isna().any(axis=1)
    if missing.any():
        row = table[missing].iloc[0]
        raise UserError(
            f"{where}: subject {row['subject']}, visit {row['visit']}: a value is missing"
        )
    for columns, problem in (
        (["path"], "the same scan is listed twice"),
        (["subject", "visit"], "the same visit is listed twice"),
        (
            ["subject", "years"],
            "two visits at the same time; a follow-up comes later than its source",
        ),
    ):
        repeated = table.duplicated(columns)
        if repeated.any():
            row = table[repeated].iloc[0]
            raise UserError(
                f"{where}: subject {row['subject']}, visit {row['visit']} "
                f"({row['path']}): {problem}"
            )
