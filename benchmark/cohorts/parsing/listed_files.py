"""The files that a table lists: where they are, and which are missing."""

import os
from collections.abc import Mapping

from longibench.benchmark.cohorts.parsing.path_templates import (
    AS_NIFTI,
    FOREIGN_VOLUMES,
    PathTemplate,
    existing_name,
)
from longibench.benchmark.cohorts.parsing.problems import Problems, listed, option
from longibench.benchmark.cohorts.parsing.tables import Row, text_of
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.found_files import NO_SUCH, why_absent

ENDINGS = (".nii.gz", ".nii")  # that a table may leave out


def located(root: str, name: str) -> str:
    """A file's normalised path, so that one file has one path; text is made faster than a Path."""
    return os.path.normpath(os.path.join(root, os.path.expanduser(existing_name(root, name))))


def check_files(
    rows: list[Row], template: PathTemplate, root: str, problems: Problems, key: str
) -> None:
    """Report names that cannot be made, and files that do not exist.

    If the first file exists, and there is no other problem, the others are not looked for: they
    are left out later.
    """
    number, missing = 0, []
    with problems.gathered():
        for row in rows:
            if (name := template.fill(row)) is None:
                continue
            number += 1
            if name.lower().endswith(FOREIGN_VOLUMES):
                raise UserError(f"{row.where}: {name} is not read; {AS_NIFTI}")
            file = located(root, name)
            if why_absent(file) == NO_SUCH:  # links and pointers are left out with their remedy
                missing.append(f"row {row.number}: {file}")
            elif not problems and not missing:
                return
    text = f"{len(missing)} of {number} files do not exist, such as {listed(missing, 2)}"
    if missing and len(missing) == number:
        first = missing[0].partition(": ")[2]
        ending = next((end for end in ENDINGS if why_absent(first + end) != NO_SUCH), "")
        with_ending = option(f"{key}.path", template.template + ending)
        remedy = with_ending if ending else f"--set {key}.root=FOLDER"
        problems.add(f"{text}; files are relative to {root}: {remedy}")
    elif missing:
        problems.remark(f"{text}; files are relative to {root} ({key}.root)")


def remark_rows(rows: list[Row], columns: Mapping[str, str], problems: Problems) -> None:
    """List the rows that are left out because a column is empty; columns by role, empty if none."""
    for role, column in columns.items():
        empty = [row.number for row in rows if column and text_of(row[column]) is None]
        if empty:
            problems.remark(f"rows without a {role} are left out: {listed(empty)}")
