"""Leave-site-out: all subjects with a value are evaluated, the others train."""

import pandas as pd

from longibench.benchmark.core.errors import UserError, unknown
from longibench.benchmark.protocol.splits.subjects import MISSING, levels
from longibench.benchmark.settings.schema import SplitSettings

SHOWN = 100  # columns with more values are only counted in messages


def mark_left_out(
    subjects: pd.DataFrame, table: pd.DataFrame, settings: SplitSettings
) -> pd.DataFrame:
    """Assign a left-out value to all subjects who had it, or may have had it, at any visit.

    Args:
        subjects: One row per subject, as ``subject_table`` makes them from ``table``.
        table: The visit table.
        settings: What is left out; without it nothing changes.
    """
    column, values = settings.left_out
    if column not in subjects or column not in table:
        return subjects
    seen = table.assign(level=levels(table[column]))
    seen = seen[seen["level"].isin([*values, MISSING])]
    found = seen.sort_values("level", key=lambda level: level == MISSING, kind="stable")
    found = found.drop_duplicates("subject")
    changed = levels(subjects[column])
    changed.update(found.set_index("subject")["level"])
    return subjects.assign(**{column: changed})


def left_out(subjects: pd.DataFrame, settings: SplitSettings) -> tuple[set[str], str]:
    """The held-out subjects, and the rule in words.

    Args:
        subjects: One row per subject.
        settings: Column and values; ``n/a`` stands for an unknown value.

    Raises:
        UserError: An unknown column or value, a column that identifies subjects, or subjects whose
            value is not known: they may belong to what is left out, so that they cannot train.
    """
    column, values = settings.left_out
    if column not in subjects:
        raise UserError(
            f"split.leave_out: {unknown('column', column, map(str, subjects))}\n"
            f"{_overview(subjects)}"
        )
    found = levels(subjects[column])
    if len(found) > 1 and found.is_unique:  # the rule is published: it must not hold an id
        raise UserError(
            f"split.leave_out: {column} differs in every subject; to name subjects, "
            "give a file to split.test"
        )
    unknown_values = sorted(set(values) - set(found))
    if unknown_values:
        raise UserError(
            f"split.leave_out: no subject has {column} {' or '.join(unknown_values)}; "
            f"{_counts(column, found)}"
        )
    missing = subjects.index[found == MISSING]
    if len(missing) and MISSING not in values:
        raise UserError(
            f"split.leave_out: {column} is not known for {len(missing)} subjects, the first is "
            f"{missing[0]}; fill it in, or evaluate them too: "
            f"split.leave_out={settings.leave_out},{MISSING}"
        )
    rule = f"left out: {column} {', '.join(sorted(values))}"
    return {str(subject) for subject in subjects.index[found.isin(values)]}, rule


def _overview(subjects: pd.DataFrame) -> str:
    return "\n".join(_counts(str(name), levels(subjects[name])) for name in subjects)


def _counts(column: str, found: pd.Series) -> str:
    counts = found.value_counts().sort_index()
    if len(counts) > SHOWN:
        return f"{column}: {len(counts)} different values"
    return f"{column}: " + ", ".join(f"{level} ({count})" for level, count in counts.items())
