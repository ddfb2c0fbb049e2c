"""Scores that nobody should miss: metrics without any value, and real pairs that are doubtful."""

from collections.abc import Iterator

import pandas as pd

from longibench.benchmark.core.errors import UserError
from longibench.benchmark.evaluation.score_table import METRIC, VALUE
from longibench.metrics.detectable import UNDETECTABLE
from longibench.metrics.retired import successors

UNSTATED = "the metric returned "  # begins the note of a NaN or infinity that it did not explain


def without_broken(scores: pd.DataFrame) -> pd.DataFrame:
    """The scores without those of metrics that ``refuse_broken`` refuses."""
    return scores[~scores["metric"].isin(_broken(scores))]


def refuse_broken(scores: pd.DataFrame) -> None:
    """Refuse metrics that gave no value and no reason.

    Args:
        scores: All scores of one folder of volumes.

    Raises:
        UserError: A metric returned NaN or infinity for every volume.
    """
    for name, note in _broken(scores).items():
        raise UserError(
            f"metric '{name}': {note.removeprefix('the metric ')} for every volume of "
            f"{scores['method'].iloc[0]}. Let it return a finite number, or raise MetricError with "
            "the reason where it is not defined; or leave it out of metrics.names"
        )


def score_warnings(scores: pd.DataFrame) -> list[str]:
    """One sentence for each metric without any value, and for each doubt about real pairs.

    No sentence names a participant. Pairs without a detectable change are common, and counted in
    the tables alone. Metrics of an earlier version, which no table shows, have none.
    """
    retired = [name for name in scores["metric"].unique() if successors(name)]
    values = scores[(scores["role"] == VALUE) & ~scores["metric"].isin(retired)]
    return [*_without_value(values), *_doubts(values)]


def _broken(scores: pd.DataFrame) -> dict[str, str]:
    """Notes of the metrics whose values are all missing without a reason, by name."""
    values = scores[scores["role"] == VALUE]
    return {
        str(name): str(rows["note"].iloc[0])
        for name, rows in values.groupby("metric", sort=False)
        if rows["note"].str.startswith(UNSTATED).all()
    }


def _without_value(values: pd.DataFrame) -> Iterator[str]:
    for (name, _), rows in values.groupby(METRIC, sort=False):
        if rows["value"].isna().all():
            reason = next((note for note in rows["note"] if note), "no reason is recorded")
            yield f"{name}: none of {len(rows)} value(s) could be computed: {reason}"


def _doubts(values: pd.DataFrame) -> Iterator[str]:
    known = (values["note"] == "") | values["note"].str.startswith(UNDETECTABLE)
    doubtful = values[values["value"].notna() & ~known]
    for note, rows in doubtful.groupby("note", sort=False):
        names = list(dict.fromkeys(rows["metric"]))
        measured = values[values["metric"].isin(names)]
        yield (
            f"{note}, faster than a person's, in {_pairs(rows)} of {_pairs(measured)} real "
            f"pair(s) ({', '.join(names)}): check their scans, and whether the segmentation suits "
            "them; their rows of scores.csv have this note"
        )


def _pairs(rows: pd.DataFrame) -> int:
    return len(rows[["subject", "visit"]].drop_duplicates())
