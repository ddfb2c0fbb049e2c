"""The subject of Figure 2, chosen by rule, with real and generated follow-ups."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from longibench.benchmark.core.files import file_digest
from longibench.benchmark.core.folder_digests import DamagedFileError
from longibench.benchmark.core.workspace import MANIFEST
from longibench.benchmark.evaluation.evaluate import read_manifest
from longibench.benchmark.evaluation.predictions import spelled_as
from longibench.reports.figures.view import AbsentVolumeError, View, Volume, choose_view, load
from longibench.reports.model.results import Entry, Results

FOLLOW_UPS = 5  # as in the paper


@dataclass(frozen=True)
class Sheet:
    """The volumes of one subject that both sheets of Figure 2 show.

    Attributes:
        years: Interval of each follow-up shown.
        source: The source volume.
        rows: Label and volumes of the real follow-ups, then of each method; None if a method has no
            volume.
        view: The slice and window of all images.
        shareable: Whether the cohort's images may leave the machine.
    """

    years: tuple[float, ...]
    source: Volume
    rows: tuple[tuple[str, tuple[Volume | None, ...]], ...]
    view: View
    shareable: bool

    @property
    def real_changes(self) -> list[Volume]:
        """Each real follow-up minus the source."""
        return [target - self.source for target in self.rows[0][1] if target is not None]


def build_sheet(results: Results) -> Sheet:
    """Load the subject that Figure 2 shows.

    Raises:
        AbsentVolumeError: A real volume is not on disk.
        UserError: A volume cannot be read.
    """
    subject = choose_subject(results)
    pairs = spread(results.pairs[results.pairs["subject"] == subject])
    source, spacing = load(Path(pairs["source"].iloc[0]))
    targets = tuple(load(Path(path))[0] for path in pairs["target"])
    visits = list(pairs["visit"])
    generated = [
        (entry.label, _generated(results, entry, subject, visits)) for entry in results.pictured
    ]
    return Sheet(
        years=tuple(pairs["interval_years"]),
        source=source,
        rows=(("Real", targets), *generated),
        view=choose_view([(source, target) for target in targets], spacing),
        shareable=results.shareable,
    )


def choose_subject(results: Results) -> str:
    """Choose the subject: most follow-ups (up to five), then the most typical scores.

    Typical means: the mean of the first pair metric over the rows shown is nearest to the median
    among those with equally many follow-ups, to avoid a choice by good results. Ties: first id.
    """
    counts = results.pairs.groupby("subject").size().clip(upper=FOLLOW_UPS)
    candidates = sorted(counts.index[counts == counts.max()])
    metric = next((metric.name for metric in results.metrics if metric.kind == "pair"), None)
    shown = pd.MultiIndex.from_tuples([(row.method, row.settings) for row in results.pictured])
    rows = pd.MultiIndex.from_frame(results.scores[["method", "settings"]]).isin(shown)
    scores = results.scores[
        rows & (results.scores["metric"] == metric) & results.scores["subject"].isin(candidates)
    ]
    means = scores.groupby("subject")["value"].mean().dropna()
    if means.empty:
        return str(candidates[0])
    return str((means - means.median()).abs().round(9).sort_index().idxmin())


def spread(pairs: pd.DataFrame) -> pd.DataFrame:
    """Keep at most five follow-ups, spread evenly from the first to the last."""
    if len(pairs) <= FOLLOW_UPS:
        return pairs
    return pairs.iloc[np.linspace(0, len(pairs) - 1, FOLLOW_UPS).round().astype(int)]


def _generated(
    results: Results, entry: Entry, subject: str, visits: list[str]
) -> tuple[Volume | None, ...]:
    runs = results.runs_of(entry)
    if not runs or not (runs[0].volumes / MANIFEST).is_file():
        return (None,) * len(visits)
    folder = runs[0].volumes  # of the first training seed
    listed = spelled_as(read_manifest(folder), results.pairs)
    first = listed[(listed["subject"] == subject) & (listed["sample"] == listed["sample"].min())]
    _refuse_changed(first, folder)
    files = dict(zip(first["visit"], first["generated"], strict=True))
    return tuple(_on_disk(folder / files[visit]) if visit in files else None for visit in visits)


def _refuse_changed(listed: pd.DataFrame, folder: Path) -> None:
    """Refuse volumes made elsewhere that are not those that were scored."""
    if "sha256" not in listed:
        return
    for file, sha256 in zip(listed["generated"], listed["sha256"], strict=True):
        path = folder / file
        if path.is_file() and file_digest(path) != sha256:
            raise DamagedFileError(
                path, "has changed since it was scored", f"delete {folder} and evaluate it again"
            )


def _on_disk(path: Path) -> Volume | None:
    """A generated volume; None if it was deleted, which is allowed after scoring."""
    try:
        return load(path)[0]
    except AbsentVolumeError:
        return None
