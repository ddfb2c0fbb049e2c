"""A split that a file lists: each subject and its partition."""

from pathlib import Path

import pandas as pd

from longibench.benchmark.cohorts.subject_ids import canonical_subject
from longibench.benchmark.core.checked_files import CONTENT_ERRORS
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.found_files import why_absent
from longibench.benchmark.core.names import check_name

PARTITIONS = ("train", "validation", "test")


def read_partitions(path: Path) -> dict[str, str]:
    """Read a CSV or TSV file with the columns ``subject`` and ``partition``.

    Args:
        path: The file; subject ids may have the spelling of any layout.

    Returns:
        The partition (one of ``PARTITIONS``) of each canonical subject id.

    Raises:
        UserError: No such file, no such columns, an unknown partition, a row without a subject, an
            id that the rule for names refuses, or
            one person in two partitions, in any spelling.
    """
    table = _read(path)
    listed: dict[str, str] = {}
    for row, (label, part) in enumerate(zip(table["subject"], table["partition"], strict=True), 2):
        if not label.strip():
            raise UserError(f"{path}, row {row}: the subject is missing")
        if part not in PARTITIONS:
            raise UserError(
                f"{path}, row {row}: partition '{part}' is not one of {', '.join(PARTITIONS)}"
            )
        subject = check_name(canonical_subject(label), "subject", f"{path}, row {row}")
        known = listed.setdefault(subject, part)
        if known != part:
            raise UserError(f"{path}, row {row}: subject {subject} is in {known} and in {part}")
    return listed


def _read(path: Path) -> pd.DataFrame:
    if problem := why_absent(path):
        raise UserError(f"split.test={path}: neither a number nor an existing file: {problem}")
    separator = "\t" if path.suffix == ".tsv" else ","
    try:
        table = pd.read_csv(
            path, sep=separator, dtype=str, keep_default_na=False, encoding="utf-8-sig"
        )
    except (OSError, *CONTENT_ERRORS) as error:  # also raised by pandas for a file that is no table
        raise UserError(f"{path}: cannot be read as a table: {error}") from error
    if not {"subject", "partition"} <= set(table.columns):
        raise UserError(
            f"{path}: needs the columns subject and partition ({', '.join(PARTITIONS)})"
        )
    return table.fillna("")
