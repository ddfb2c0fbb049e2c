"""Subject ids as programs change them: ``001`` becomes 1, ``1`` becomes 1.0."""

import re

from longibench.benchmark.cohorts.parsing.problems import Problems
from longibench.benchmark.cohorts.parsing.tables import Row, text_of

WHOLE = re.compile(r"0*(\d+?)(?:\.0+)?", re.ASCII)  # the number without zeros around it
FLOAT = re.compile(r"\d+\.0", re.ASCII)
LOST = "\ufffd"  # what a program writes for a letter that it could not read


def unify_ids(rows: list[Row], column: str, problems: Problems) -> None:
    """Bring ids back to one spelling: whole numbers lose the ``.0`` that all of them have.

    Args:
        rows: The table's rows, which are changed.
        column: The column of the ids.
        problems: Where ids that differ only in zeros, or lost a letter, are reported.
    """
    ids: dict[str, Row] = {}
    for row in rows:
        if (cell := text_of(row[column])) is not None:
            ids.setdefault(cell, row)
    if ids and all(FLOAT.fullmatch(cell) for cell in ids):
        for row in rows:
            row[column] = row[column].removesuffix(".0")
        return
    spelled: dict[str, str] = {}
    for cell, row in ids.items():
        if LOST in cell:
            problems.add(f"row {row.number}: subject '{cell}' lost a letter; save it as CSV UTF-8")
        if match := WHOLE.fullmatch(cell):
            first = spelled.setdefault(match[1], cell)
            if first != cell:
                problems.add(
                    f"subjects {first} (row {ids[first].number}) and {cell} (row {row.number}) are "
                    "one number; write each person's id in one way (Excel removes zeros)"
                )
