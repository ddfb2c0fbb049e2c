"""Score volumes whose faults are known; write docs/fools.csv and a section of docs/metrics.md.

    python docs/examples/fools_table.py SCRATCH [--subjects 96] [--test 24] [--futures 24]

On the evaluation pairs of the demo, for both versions of the phantom: copies, offsets and changes
that ignore the person, half of the true change and all of it, in every default metric; and what can
be predicted, by group. SCRATCH is an empty folder.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from fools.page import (
    CEILING,
    CEILING_METRICS,
    FROM_RUN,
    GROUPS,
    PAGE,
    REAL_ROW,
    SMOOTHED,
    TABLE,
    VERSIONS,
    write_page,
)
from fools.volumes import write_fools

from longibench.benchmark.core.console import Console
from longibench.benchmark.core.workspace import Workspace
from longibench.benchmark.evaluation.evaluate import read_pairs
from longibench.benchmark.evaluation.generate import read_run
from longibench.benchmark.evaluation.predictions import find_predictions
from longibench.benchmark.evaluation.score_table import DENOMINATOR, NUMERATOR, REAL, VALUE
from longibench.benchmark.evaluation.submission import Submission, Terms, score_submission
from longibench.benchmark.preparation.store.volumes import read_volume
from longibench.benchmark.runs.runner import run
from longibench.benchmark.settings.loading import load_settings
from longibench.metrics.masks import head_mask
from longibench.metrics.ratio import ratio_interval
from longibench.metrics.statistics import Interval, bootstrap_interval, subject_means

Row = dict[str, Any]


def main() -> None:
    """Make, score, and write the table and the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("scratch", type=Path)
    parser.add_argument("--subjects", type=int, default=96)
    parser.add_argument("--test", type=int, default=24)
    parser.add_argument("--futures", type=int, default=24)
    parser.add_argument("--table", type=Path, default=TABLE)
    parser.add_argument("--page", type=Path, default=PAGE)
    given = parser.parse_args()
    rows = [{"version": version, **row} for version in VERSIONS for row in measure(version, given)]
    pd.DataFrame(rows).to_csv(given.table, index=False, float_format="%.6g")
    write_page(given.page, pd.read_csv(given.table))


def measure(version: str, given: argparse.Namespace) -> Iterator[Row]:
    """All rows of one version of the phantom."""
    overrides = [f"phantom.subjects={given.subjects}", f"split.test={given.test}"]
    settings = load_settings("demo", overrides).model_copy(update={"cohort": version})
    workspace, console = Workspace(given.scratch / version.replace(":", "-")), Console()
    folder = run(["copy-source"], settings, workspace, console)[0].parent
    places = {}
    for fool, method in FROM_RUN.items():
        (places[fool],) = folder.glob(f"predictions/{method}-s*")
    pairs = read_pairs(folder)
    for fool in write_fools(pairs, settings, workspace.root, given.futures):
        places[fool] = workspace.root / "fools" / fool
    terms = Terms.of(folder)
    for fool, place in places.items():
        made = Submission(find_predictions(place), fool)
        scores = score_submission(made, terms, workspace, console)
        yield from means(scores, fool)
        if fool in CEILING:
            yield from by_group(scores, pairs, fool)
    yield from sizes(pairs)
    width = float(read_run(places[SMOOTHED])["details"].split()[-2])  # "..., FWHM 0.12 voxel"
    yield _fact(SMOOTHED, "voxels", width)
    grown = pairs["target_true_ventricle_ml"] / pairs["source_true_ventricle_ml"] - 1
    yield _fact("ventricles", "percent", 100 * grown.mean())


def means(scores: pd.DataFrame, fool: str) -> Iterator[Row]:
    """Each metric's value, or mean of subject means; of a copy also what the real ones score."""
    yield from _of_role(scores[scores["role"] == VALUE], fool)
    if fool == "copy":
        yield from _of_role(scores[scores["role"] == REAL], REAL_ROW)


def _of_role(scores: pd.DataFrame, row: str) -> Iterator[Row]:
    for metric, its in scores.groupby("metric", sort=False):
        value = its.groupby("subject")["value"].mean().mean()
        yield _fact(row, str(metric), value)


def by_group(scores: pd.DataFrame, pairs: pd.DataFrame, fool: str) -> Iterator[Row]:
    """The metrics of what can be predicted, with their intervals over a group's subjects."""
    group = pairs.drop_duplicates("subject").set_index("subject")["group"]
    for name in GROUPS:
        its = scores[scores["subject"].map(group) == name]
        for metric in CEILING_METRICS:
            found = _interval(its[its["metric"] == metric])
            bounds = {"low": found.low, "high": found.high, "n": found.subjects}
            row = {"group": name, "row": fool, "metric": metric}
            yield {**row, "value": found.estimate, **bounds}


def _interval(scores: pd.DataFrame) -> Interval:
    """A ratio of sums if the scores have its parts, else the mean of subject means."""
    parts = {
        role: scores[scores["role"] == role].groupby("subject")["value"].sum()
        for role in (NUMERATOR, DENOMINATOR)
    }
    if len(parts[NUMERATOR]):
        return ratio_interval(parts[NUMERATOR], parts[DENOMINATOR])
    values = scores[scores["role"] == VALUE]
    return bootstrap_interval(subject_means(values["value"], values["subject"]))


def sizes(pairs: pd.DataFrame) -> Iterator[Row]:
    """Differences inside the source's head, relative to the change of anatomy; sums of sizes."""
    sums: dict[str, float] = {}
    for pair in pairs.to_dict("records"):
        source, target, before, after = (
            read_volume(pair[name]) for name in ("source", "target", "source_clean", "target_clean")
        )
        head = head_mask(source)
        differences = {
            "anatomy": after - before,
            "real pair": target - source,
            "source and its anatomy": source - before,
            "follow-up and its anatomy": target - after,
        }
        for name, difference in differences.items():
            sums[name] = sums.get(name, 0.0) + float(np.abs(difference[head]).sum())
    for name, total in sums.items():
        yield _fact(name, "size", total / sums["anatomy"])


def _fact(row: str, metric: str, value: float) -> Row:
    """A value over all groups."""
    return {"group": "all", "row": row, "metric": metric, "value": value}


if __name__ == "__main__":
    main()
