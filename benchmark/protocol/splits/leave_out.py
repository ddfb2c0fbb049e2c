"""Leave-site-out: everyone with a value is evaluated, the rest trains."""

import pandas as pd

from longibench.benchmark.core.errors import UserError, unknown
from longibench.benchmark.protocol.splits.people import MISSING, levels
from longibench.benchmark.settings.schema import SplitSettings

SHOWN = 100  # columns with more values are only counted in messages


def mark_left_out(
    people: pd.DataFrame, table: pd.DataFrame, settings: SplitSettings
) -> pd.DataFrame:
    """Give everyone who was at a left-out value at any visit, or may have been, that value.

    Args:
        people: One row a subject, as ``people_of`` made them of ``table``.
        table: The visit table.
        settings: What is left out; nothing changes where nothing is.
    """
    column, values = settings.left_out
    if column not in people or column not in table:
        return people
    seen = table.assign(level=levels(table[column]))
    seen = seen[seen["level"].isin([*values, MISSING])]
    found = seen.sort_values("level", key=lambda level: level == MISSING, kind="stable")
    found = found.drop_duplicates("subject")
    changed = levels(people[column])
    changed.update(found.set_index("subject")["level"])
    return people.assign(**{column: changed})


def left_out(people: pd.DataFrame, settings: SplitSettings) -> tuple[set[str], str]:
    """Who is held out, and the rule in words.

    Args:
        people: One row a subject.
        settings: Column and values; ``n/a`` stands for a value that is not known.

    Raises:
        UserError: An unknown column or value, a column that tells people apart, or subjects whose
            value is not known: they may belong to what is left out, so that they cannot train.
    """
    column, values = settings.left_out
    if column not in people:
        raise UserError(
            f"split.leave_out: {unknown('column', column, map(str, people))}\n{_overview(people)}"
        )
    found = levels(people[column])
    if len(found) > 1 and found.is_unique:  # the rule is published: it must not hold an id
        raise UserError(
            f"split.leave_out: {column} differs in every subject; to name subjects, "
            "give a file to split.test"
        )
    strange = sorted(set(values) - set(found))
    if strange:
        raise UserError(
            f"split.leave_out: nobody has {column} {' or '.join(strange)}; {_counts(column, found)}"
        )
    missing = people.index[found == MISSING]
    if len(missing) and MISSING not in values:
        raise UserError(
            f"split.leave_out: {column} is not known for {len(missing)} subjects, the first is "
            f"{missing[0]}; fill it in, or evaluate them too: "
            f"split.leave_out={settings.leave_out},{MISSING}"
        )
    rule = f"left out: {column} {', '.join(sorted(values))}"
    return {str(subject) for subject in people.index[found.isin(values)]}, rule


def _overview(people: pd.DataFrame) -> str:
    return "\n".join(_counts(str(name), levels(people[name])) for name in people)


def _counts(column: str, found: pd.Series) -> str:
    counts = found.value_counts().sort_index()
    if len(counts) > SHOWN:
        return f"{column}: {len(counts)} different values"
    return f"{column}: " + ", ".join(f"{level} ({count})" for level, count in counts.items())
