"""A split that a file lists: each subject and its partition."""

from pathlib import Path

from longibench.benchmark.cohorts.parsing.tables import parse_table
from longibench.benchmark.cohorts.subject_ids import canonical_subject
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.found_files import why_absent

COLUMNS = ("subject", "partition")
PARTITIONS = ("train", "validation", "test")


def read_partitions(path: Path) -> dict[str, str]:
    """Read a table with the columns ``subject`` and ``partition``.

    Args:
        path: The file; subject ids may have the spelling of any layout.

    Returns:
        The partition (one of ``PARTITIONS``) of each canonical subject id.

    Raises:
        UserError: No such file, no such columns, an unknown partition, a row without a subject, or
            one person in two partitions, in any spelling.
    """
    if problem := why_absent(path):
        raise UserError(f"split.test={path}: neither a number nor an existing file: {problem}")
    table = parse_table(path, COLUMNS)
    if not {*COLUMNS} <= {*table.columns}:
        raise UserError(
            f"{path}: needs the columns subject and partition ({', '.join(PARTITIONS)})"
        )
    table.require(COLUMNS, path)
    listed: dict[str, str] = {}
    for row in table.rows:
        label, part = (row[column] for column in COLUMNS)
        if not label:
            raise UserError(f"{row.where}: the subject is missing")
        if part not in PARTITIONS:
            raise UserError(
                f"{row.where}: partition '{part}' is not one of {', '.join(PARTITIONS)}"
            )
        subject = canonical_subject(label)
        known = listed.setdefault(subject, part)
        if known != part:
            raise UserError(f"{row.where}: subject {subject} is in {known} and in {part}")
    return listed
