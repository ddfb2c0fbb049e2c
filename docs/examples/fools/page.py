"""The section of docs/metrics.md about volumes whose faults are known, from docs/fools.csv."""

from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pandas as pd
from marked_section import replace_section

from fools.volumes import BRIGHTER, ENLARGED, EXPECTED, MEAN, OFFSET, RANDOM, SIGN_MM, WIDER
from longibench.benchmark.cohorts.open_cohort import SIMULATED
from longibench.benchmark.protocol.protocol_metrics import describe_metric
from longibench.benchmark.settings.plugins import load_metrics
from longibench.metrics.statistics import Interval
from longibench.reports.model.formats import interval, number
from longibench.reports.model.metric_facts import MetricFacts

DOCS = Path(__file__).resolve().parents[2]
TABLE, PAGE = DOCS / "fools.csv", DOCS / "metrics.md"
BEGIN, END = "<!-- fools -->", "<!-- end of fools -->"
VERSIONS, GROUPS = SIMULATED, ("CN", "MCI", "AD")
COPY, SMOOTHED, DENOISED = "copy", "smoothed copy", "denoised copy"
HALF, FULL, REAL_ROW = "half speed", "full change", "real follow-up"
FROM_RUN = {
    COPY: "copy-source",
    SMOOTHED: "copy-smoothed",
    DENOISED: "denoised-copy",
    HALF: "half-change",
    FULL: "full-change",
}
IGNORANT = (SMOOTHED, DENOISED, BRIGHTER, WIDER, RANDOM)  # of how the person changes
ROWS = {
    COPY: "the source S",
    SMOOTHED: "`copy-smoothed`",
    DENOISED: "`denoised-copy`",
    BRIGHTER: f"S + {OFFSET:g} inside its head",
    WIDER: f"S with ventricles {100 * ENLARGED:g}% larger, whatever the interval",
    RANDOM: f"S + C with random signs, smooth over {SIGN_MM:g} mm, the same field for all visits",
    MEAN: "S with the change of its anatomy at the mean rates of all training subjects",
    HALF: "S + C/2",
    FULL: "S + C",
    REAL_ROW: "the real follow-up itself",
}
CEILING = (MEAN, EXPECTED, HALF, FULL)
CEILING_METRICS = ("truth-skill", "skill-head")
NOTE = (
    "Means over subjects, on `phantom`. **Bold**: better than half speed, without anything of how "
    "the person changes. The real follow-up is scored by the metrics of the truth alone."
)
CEILING_NOTE = (
    f"The {MEAN} is that of the training subjects. The {EXPECTED} is that of the person's group "
    "and first visit: the voxelwise median of 24 futures; what separates it from full change is "
    "chance. With 95% intervals over the subjects of a group."
)
UNITS = ("size", "voxels", "percent")  # facts that are no metrics
CHECKED = ("truth-skill", "truth-auroc", "truth-ventricles")
COMPARED = (*("skill-head", "change-correlation", "ssim-head", "fid", "truth-skill"),)
MEASURES = {  # the metrics of docs/fools.csv
    "fid": "distance of two sets in pooled features",
    "fid-infinity": "the same, extrapolated to many volumes",
    "kid": "the same sets, unbiased at every N",
    "ssim": "local likeness to the follow-up",
    "ssim-head": "the same, without the background",
    "ssim-skimage": "the same, scikit-image's window",
    "ms-ssim": "the same, on several scales",
    "psnr-head": "squared error of intensities, in the head",
    "mae-head": "absolute error of intensities, in the head",
    "ncc-head": "correlation of intensities, in the head",
    "perceptual": "distance to the follow-up in feature maps",
    "sharpness": "energy of fine detail against the follow-up's",
    "skill-head": "absolute error relative to that of copying",
    "change-correlation": "where it changes, against two noisy scans",
    "change-sign": "direction of change, against two noisy scans",
    "truth-skill": "share of the change of anatomy generated",
    "truth-auroc": "where and which way anatomy changes most",
    "truth-rank": "order of the largest changes of anatomy",
    "truth-ventricles": "error of the ventricles' growth in ml",
    "truth-brain": "error of the brain's loss in ml",
}


class Values:
    """The values of one version of the phantom, over all groups."""

    def __init__(self, table: pd.DataFrame, version: str) -> None:
        """Args: docs/fools.csv, and the version."""
        its = table[(table["version"] == version) & (table["group"] == "all")]
        self._by_row = its.set_index(["row", "metric"])["value"].to_dict()

    def of(self, row: str, metric: str) -> float:
        """A value; NaN if the row has none."""
        return float(self._by_row.get((row, metric), float("nan")))

    def shown(self, row: str, metric: str) -> str:
        """A value with the metric's decimals."""
        return number(self.of(row, metric), facts(metric).decimals)

    def better(self, row: str, other: str, metric: str) -> bool:
        """Whether a row scores better than another one."""
        badness = facts(metric).badness
        return badness(self.of(row, metric)) < badness(self.of(other, metric))

    def fooled_by(self, metric: str) -> list[str]:
        """The rows without the person's change that score better than half of it."""
        return [row for row in IGNORANT if self.better(row, HALF, metric)]


@cache
def facts(metric: str) -> MetricFacts:
    """Direction, family and decimals of a metric."""
    return MetricFacts.of(describe_metric(load_metrics()[metric]()))


def write_page(page: Path, table: pd.DataFrame) -> None:
    """Replace what stands between the page's marks."""
    replace_section(page, BEGIN, END, f"\n{render(table)}")


def render(table: pd.DataFrame) -> str:
    """The section between the marks, in Markdown."""
    values = {version: Values(table, version) for version in VERSIONS}
    parts = (
        ["| row | what it is |", "|---|---|", *(f"| {row} | {its} |" for row, its in ROWS.items())],
        [NOTE],
        _metric_table(values["phantom"]),
        ["Metrics, and what is better than half speed by them:"],
        _fooled(values),
        ["Is half speed better than copies, offsets and random direction by the truth?"],
        [_checked(values, metric) for metric in CHECKED],
        ["### The two versions of the phantom", "", "From best to worst, on the same rows:"],
        _orders(values),
        _reasons(values),
        ["### What can be predicted", "", CEILING_NOTE],
        _ceiling(table),
    )
    return "\n".join("".join(f"{line}\n" for line in part) for part in parts)


def _metric_table(values: Values) -> Iterator[str]:
    yield f"| metric | family | what it measures | {' | '.join(ROWS)} |"
    yield "|---" * (3 + len(ROWS)) + "|"
    for metric in MEASURES:
        fooled = values.fooled_by(metric)
        cells = [
            f"**{text}**" if row in fooled else text
            for row in ROWS
            for text in [values.shown(row, metric)]
        ]
        its = facts(metric)
        name = f"`{metric}` {its.arrow}"
        yield f"| {name} | {its.family} | {MEASURES[metric]} | {' | '.join(cells)} |"


def _fooled(values: dict[str, Values]) -> Iterator[str]:
    """By what each metric is fooled; metrics that are fooled by the same share a line."""
    by_what: dict[str, list[str]] = {}
    for metric in MEASURES:
        found = [
            f"{_listed(rows)} on `{version}`"
            for version, its in values.items()
            if (rows := its.fooled_by(metric))
        ]
        by_what.setdefault("; ".join(found), []).append(f"`{metric}`")
    nothing = by_what.pop("", [])
    yield from (f"- {_listed(metrics)}: {rows}." for rows, metrics in by_what.items())
    yield f"- Nothing by the other {len(nothing)}, on either version."


def _checked(values: dict[str, Values], metric: str) -> str:
    """Whether half speed is better than every row that it should be better than."""
    found = []
    for version, its in values.items():
        rows = (COPY, *IGNORANT)
        wrong = [row for row in rows if not its.better(HALF, row, metric)]
        numbers = ", ".join(f"{row} {its.shown(row, metric)}" for row in (HALF, *rows))
        verdict = f"does not hold for {_listed(wrong)}" if wrong else "holds"
        found.append(f"on `{version}` {verdict} ({numbers})")
    return f"- `{metric}`: {'; '.join(found)}."


def _orders(values: dict[str, Values]) -> Iterator[str]:
    yield f"| metric | {' | '.join(f'`{version}`' for version in values)} |"
    yield "|---" * (1 + len(values)) + "|"
    for metric in COMPARED:
        cells = [_order(its, metric) for its in values.values()]
        yield f"| `{metric}` | {' | '.join(cells)} |"


def _order(values: Values, metric: str) -> str:
    """The rows from best to worst, with their values; without those that have none."""
    rows = [
        row for row in ROWS if row != REAL_ROW and values.of(row, metric) == values.of(row, metric)
    ]
    rows.sort(key=lambda row: facts(metric).badness(values.of(row, metric)))
    return ", ".join(f"{row} {values.shown(row, metric)}" for row in rows)


def _reasons(values: dict[str, Values]) -> Iterator[str]:
    """Why the orders differ, with the numbers behind it: the second phantom's first."""

    def both(row: str, metric: str) -> str:
        texts = [
            f"{its.of(row, metric):.2f}" if metric in UNITS else its.shown(row, metric)
            for its in values.values()
        ]
        return " and ".join(texts)

    yield "Why they differ; the first number of two is of `phantom`, the second of `phantom:clean`:"
    yield ""
    yield (
        "- Scanner: inside the head the follow-up differs from the source "
        f"{both('real pair', 'size')} times as much as anatomy changes. It differs from its own "
        f"anatomy as the source would show it {both('follow-up and its anatomy', 'size')} times as "
        "much, by noise, position, contrast and gain; the source from its own anatomy "
        f"{both('source and its anatomy', 'size')} times, by noise alone."
    )
    yield (
        f"- So all of the change has a `skill-head` of {both(FULL, 'skill-head')} and a "
        f"`change-correlation` of {both(FULL, 'change-correlation')}, and half of it differs from "
        f"a copy in `ssim-head` by {_gain(values['phantom'])} and {_gain(values['phantom:clean'])}."
    )
    yield (
        f"- Removing noise gives a `skill-head` of {both(DENOISED, 'skill-head')}. The width that "
        f"`copy-smoothed` chooses is {both(SMOOTHED, 'voxels')} voxels (full width at half "
        "maximum)."
    )
    yield (
        f"- Predictability: the mean rate has a `truth-skill` of {both(MEAN, 'truth-skill')}, "
        "and what is expected of group and first visit one of "
        f"{both(EXPECTED, 'truth-skill')}."
    )
    yield (
        f"- The ventricles grow by {both('ventricles', 'percent')}% on average between the visits "
        f"of a pair; the offset of {100 * ENLARGED:g}% has a `truth-ventricles` of "
        f"{both(WIDER, 'truth-ventricles')}, a copy {both(COPY, 'truth-ventricles')}."
    )


def _gain(values: Values) -> str:
    return number(values.of(HALF, "ssim-head") - values.of(COPY, "ssim-head"), 4)


def _ceiling(table: pd.DataFrame) -> Iterator[str]:
    cells = table.set_index(["version", "group", "row", "metric"])
    yield f"| metric | version | group | subjects | {' | '.join(CEILING)} |"
    yield "|---" * (4 + len(CEILING)) + "|"
    for metric in CEILING_METRICS:
        for version in VERSIONS:
            for group in GROUPS:
                its = [cells.loc[(version, group, row, metric)] for row in CEILING]
                shown = " | ".join(_estimate(one, metric) for one in its)
                yield f"| `{metric}` | {version} | {group} | {its[0]['n']:.0f} | {shown} |"


def _estimate(row: pd.Series, metric: str) -> str:
    """A value with its interval, if it has one."""
    decimals = facts(metric).decimals
    bounds = Interval(row["value"], row["low"], row["high"], float("nan"), int(row["n"]))
    between = interval(bounds, decimals)
    return number(row["value"], decimals) + (f" ({between})" if between else "")


def _listed(rows: Iterable[str]) -> str:
    return ", ".join(rows)
