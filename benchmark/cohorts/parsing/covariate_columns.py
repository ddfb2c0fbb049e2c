"""Which columns of a table are covariates: as set by the user, by their names, or likely ones."""

import re
from collections.abc import Collection, Mapping

from longibench.benchmark.cohorts.parsing.column_roles import UNITS, cells_of
from longibench.benchmark.cohorts.parsing.grids import plain
from longibench.benchmark.cohorts.parsing.problems import option
from longibench.benchmark.cohorts.parsing.tables import Table
from longibench.benchmark.cohorts.parsing.values import PARTICIPANT, SESSION, sex_of
from longibench.benchmark.cohorts.visit_table import COVARIATES
from longibench.benchmark.core.errors import unknown

# a bare "diagnosis" or "dx" of a table of visits is the visit's, not the participant's
GROUP = tuple(name for name in PARTICIPANT["group"] if name not in ("dx", "diagnosis"))
SPELLINGS = {**PARTICIPANT, **SESSION, "group": GROUP}
LIKELY = {  # parts of names, in some languages
    "age": UNITS["age"],
    "sex": re.compile(r"sex|gender|geschl|genre|sess?o$"),
    "diagnosis": re.compile(r"diag|^dx|_dx$"),
}


def covariate_columns(
    columns: list[str], given: Mapping[str, str | None], key: str
) -> dict[str, str]:
    """The column of each covariate.

    Args:
        columns: The table's columns in the plain spelling.
        given: Columns by covariate as set by the user; an empty one omits the covariate.
        key: Name of the setting, for errors.

    Raises:
        UserError: A covariate or a column that does not exist.
    """
    for name in given:
        if name not in COVARIATES:
            raise unknown(f"covariate in {key}", name, COVARIATES)
    chosen: dict[str, str] = {}
    for name, spellings in SPELLINGS.items():
        if name in given:
            column = plain(given[name] or "")
            if column and column not in columns:
                raise unknown(f"column of {key}.{name}", column, columns)
        else:
            column = next((spelling for spelling in spellings if spelling in columns), "")
        if column:
            chosen[name] = column
    return chosen


def covariate_candidates(table: Table, used: Collection[str], key: str) -> str:
    """Options for columns without a role whose names are like those of covariates."""
    options = []
    for covariate, pattern in LIKELY.items():
        for name in table.columns:
            if name in used or not pattern.search(name):
                continue
            options.append(option(f"{key}.covariates.{covariate}", name))
            if covariate == "sex" and (codes := _codes(cells_of(table.rows, name))):
                options.append(f"--set {key}.codes.sex={codes}")
            break
    return " ".join(options)


def _codes(cells: Collection[str]) -> str:
    """A coding of two sexes that are not written as F and M; empty if it cannot be proposed."""
    texts = sorted({*cells})
    if len(texts) != 2 or not all(text.isalnum() for text in texts) or all(map(sex_of, texts)):
        return ""
    known = [*map(sex_of, texts)]
    first, second = "FM" if known[0] == "F" or known[1] == "M" else "MF"
    return f"{texts[0]}={first},{texts[1]}={second}{'' if any(known) else ' (or =F,=M)'}"
