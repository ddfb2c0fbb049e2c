"""The score table: long and tidy, one a protocol, the only format of results."""

from pathlib import Path

import pandas as pd
import pandera.pandas as pa

from longibench.benchmark.core.checked_files import CONTENT_ERRORS, read_table
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.folder_digests import DamagedFileError
from longibench.benchmark.core.workspace import SCORES

VALUE, LEAVE_OUT, FLOOR, HALF = "value", "leave-out", "floor", "half"
REAL, NUMERATOR, DENOMINATOR = "real", "numerator", "denominator"
ROLES = (VALUE, LEAVE_OUT, FLOOR, HALF, REAL, NUMERATOR, DENOMINATOR)

SCHEMA = pa.DataFrameSchema(
    {
        "protocol": pa.Column(str),
        "split": pa.Column(str),  # digest of subjects and rule
        "method": pa.Column(str),
        "settings": pa.Column(str),  # digest of what determines the volumes, but the training seed
        "training_seed": pa.Column(int),
        "subject": pa.Column(str),  # empty for a set metric's value
        "visit": pa.Column(str),
        "interval_years": pa.Column(float, nullable=True),
        "sample": pa.Column(int),
        "metric": pa.Column(str),  # registry name: ssim, ssim-head, fid
        "definition": pa.Column(str),  # digest: equal ones may be ranked together
        "code": pa.Column(str),  # digest of the code that computed it
        "title": pa.Column(str),  # full name: window, mask, extractor, N
        "role": pa.Column(str, pa.Check.isin(ROLES)),
        "value": pa.Column(float, nullable=True),  # missing if it cannot be computed
        "n": pa.Column(int, pa.Check.ge(0)),  # volumes behind the value
        "note": pa.Column(str),  # why a value is missing or doubtful
    },
    strict=True,
    coerce=True,
    ordered=True,
)

# Read as text: an id such as 0002 would lose its zeros.
_TEXT = (
    *("protocol", "split", "method", "settings", "subject", "visit"),
    *("metric", "definition", "code", "title", "role", "note"),
)
_AS_TEXT = {
    "dtype": dict.fromkeys(_TEXT, str),
    "keep_default_na": False,
    "na_values": {"value": [""], "interval_years": [""]},
}
IDENTITY = ["definition", "code"]  # earlier versions wrote tables without them
METRIC = ["metric", "definition"]


def read_scores(path: Path) -> pd.DataFrame:
    """Read a score table.

    Rows with role ``"value"`` are results. The others belong to a set metric. ``"leave-out"``: its
    value without the row's subject, for the jackknife interval. ``"floor"``: real volumes of half
    of the subjects against those of the other half. ``"half"``: generated volumes of one half
    against real volumes of the other, the value to compare with the floor. ``"numerator"`` and
    ``"denominator"``: the parts of one pair, or of one subject, in a ratio of sums. ``"real"``:
    what the real follow-up itself scores, such as against the simulated truth.

    Raises:
        UserError: The file is missing or is not a score table.
    """
    if not path.is_file():
        raise UserError(f"{path}: no score table; make one with 'python cli.py run'")
    table = read_table(path, options=_AS_TEXT)
    try:
        return SCHEMA.validate(_with_identity(table))
    except pa.errors.SchemaErrors as error:
        problem = f"not a score table; its columns must be {', '.join(SCHEMA.columns)}"
        raise DamagedFileError(path, problem) from error
    except (pa.errors.SchemaError, *CONTENT_ERRORS) as error:
        problem = f"not a score table: {str(error).splitlines()[0]}"
        raise DamagedFileError(path, problem) from error


def known_scores(folder: Path) -> pd.DataFrame | None:
    """The scores of a folder of predictions so far; None if there are none that can be read."""
    try:
        return read_scores(folder / SCORES)
    except UserError:
        return None


def merge_scores(known: pd.DataFrame | None, new: pd.DataFrame) -> pd.DataFrame:
    """A folder's scores, with those of some metrics replaced.

    The order does not depend on which were computed first: by metric, then as computed.

    Args:
        known: The scores so far; None if there are none.
        new: All scores of some metrics.
    """
    kept = [] if known is None else [known[~_keys(known).isin(_keys(new))]]
    parts = [part for part in (*kept, new) if len(part)]
    return pd.concat(parts or [new]).sort_values(METRIC, kind="stable", ignore_index=True)


def within_brackets(title: str, more: str) -> str:
    """A metric's title with more in its brackets: ``"FID [random:0, N=82]"``."""
    return f"{title[:-1]}, {more}]" if title.endswith("]") else f"{title} [{more}]"


def _keys(scores: pd.DataFrame) -> pd.MultiIndex:
    return pd.MultiIndex.from_frame(scores[METRIC])


def _with_identity(table: pd.DataFrame) -> pd.DataFrame:
    """The table with empty columns that an earlier version did not write."""
    if "metric" not in table or set(IDENTITY) <= set(table):
        return table
    place = list(table).index("metric") + 1
    for column in reversed(IDENTITY):
        table.insert(place, column, "")
    return table
