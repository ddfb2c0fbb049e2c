"""Estimates with their intervals, and paired comparisons, from the score table."""

import math
from dataclasses import dataclass

import pandas as pd

from longibench.benchmark.evaluation.score_table import (
    DENOMINATOR,
    FLOOR,
    HALF,
    LEAVE_OUT,
    NUMERATOR,
    REAL,
    VALUE,
)
from longibench.metrics.detectable import UNDETECTABLE
from longibench.metrics.ratio import bootstrap_ratio, ratio_interval
from longibench.metrics.statistics import (
    Interval,
    bootstrap_interval,
    jackknife_interval,
    seed_spread,
    subject_means,
)
from longibench.metrics.statistics_paired import (
    Comparison,
    compare_leave_outs,
    compare_means,
    compare_trainings,
    distances,
    mean_difference,
)
from longibench.reports.model.metric_facts import MetricFacts
from longibench.reports.model.results import Entry, Results

NOTHING_IN_COMMON = "no volumes in common"
NOTHING = Interval(math.nan, math.nan, math.nan, math.nan, 0)


@dataclass(frozen=True)
class AtFloor:
    """A set metric's values on halves of the subjects.

    Attributes:
        real: Real volumes of one half against those of the other: the value of a perfect method.
        generated: The method's volumes of the one half against the real ones of the other.
        volumes: In a half.
    """

    real: float
    generated: float
    volumes: int


@dataclass(frozen=True)
class Estimate:
    """A value with its 95% interval over subjects.

    Attributes:
        interval: The mean over training seeds and samples, of a metric by subject the mean of
            subject means, and its bounds; NaN if it cannot be computed.
        title: The metric's full name, from the scores.
        volumes: Number of generated volumes for the value of one training seed.
        by_seed: The value of each training seed, in the order of the seeds.
        codes: Digests of the code that computed the values.
        note: Why values are missing, or what is doubtful about their real pairs.
        floor: For a set metric, if the scores contain it.
        real: What the real follow-ups themselves score against the simulated truth; NaN for metrics
            that do not need it.
    """

    interval: Interval
    title: str = ""
    volumes: int = 0
    by_seed: tuple[float, ...] = ()
    codes: frozenset[str] = frozenset()
    note: str = ""
    floor: AtFloor | None = None
    real: float = math.nan

    @property
    def value(self) -> float:
        """The estimate; NaN if missing."""
        return self.interval.estimate

    @property
    def seed_spread(self) -> float:
        """Standard deviation between training seeds; NaN with only one."""
        return seed_spread(self.by_seed)


def estimate(results: Results, entry: Entry, metric: MetricFacts) -> Estimate:
    """Estimate one metric of one entry, pooled over its training seeds."""
    rows = results.scores_of(entry, metric)
    values = rows[rows["role"] == VALUE]
    title = str(values["title"].iloc[0]) if len(values) else ""
    scored = values.dropna(subset=["value"])
    if scored.empty:
        why = _note(values) or "not scored"
        return Estimate(NOTHING, title, note=why, floor=_floor(rows), real=_real(rows))
    numbers = results.values_of(entry, metric)
    seeds = scored.groupby("training_seed")["n"]
    return Estimate(
        interval=mean_interval(numbers) if metric.by_subject else _set_interval(rows, metric),
        title=title,
        volumes=int(seeds.sum().max() if metric.by_subject else scored["n"].max()),
        by_seed=by_seed(numbers),
        codes=frozenset(scored["code"].unique()),
        note=_partly(values),
        floor=_floor(rows),
        real=_real(rows),
    )


def by_seed(values: pd.DataFrame) -> tuple[float, ...]:
    """The value of each training seed, in the order of the seeds.

    Args:
        values: Subject, training seed and value, as of ``Results.values_of``.
    """
    return tuple(_mean_of_subjects(one) for _, one in values.groupby("training_seed"))


def compare(results: Results, pair: tuple[Entry, Entry], metric: MetricFacts) -> Comparison | str:
    """Compare a metric of two entries, paired over subjects.

    A metric with values by volume is paired by volume, a set metric by the subject left out; both
    are first averaged over training seeds.

    Returns:
        The first entry against the second, or the reason why they cannot be compared.
    """
    if not all(results.is_scored(entry, metric) for entry in pair):
        return "not scored"
    comparison: Comparison | str
    if metric.by_subject:
        comparison = compare_means(*_paired_means(results, pair, metric), best=metric.best)
    else:
        comparison = _compare_sets(results, pair, metric)
    if isinstance(comparison, Comparison) and math.isnan(comparison.difference.estimate):
        return NOTHING_IN_COMMON
    return comparison


def spread_of_difference(results: Results, pair: tuple[Entry, Entry], metric: MetricFacts) -> float:
    """Standard deviation of the difference of one training each: trainings are independent.

    Returns:
        The root of the sum of squares of both entries' spread between training seeds; NaN if one
        of them has one seed.
    """
    return math.hypot(*map(seed_spread, _trainings(results, pair, metric)))


def p_of_trainings(results: Results, pair: tuple[Entry, Entry], metric: MetricFacts) -> float:
    """The p-value of no difference between two entries' trainings, see ``compare_trainings``."""
    return compare_trainings(*_trainings(results, pair, metric))


def _trainings(
    results: Results, pair: tuple[Entry, Entry], metric: MetricFacts
) -> tuple[list[float], list[float]]:
    """The value of each training seed of both entries.

    Of a metric with an ideal value, signed distances: absolute ones of seeds on both sides of it
    would hide how far these are apart.
    """
    values = (pd.Series(by_seed(results.values_of(entry, metric)), dtype=float) for entry in pair)
    first, second = (distances(its, metric.best).tolist() for its in values)
    return first, second


def better_first(
    results: Results, pair: tuple[Entry, Entry], metric: MetricFacts
) -> tuple[Entry, Entry]:
    """Order two entries by what ``compare`` finds, without its interval and test.

    Returns:
        The better one and the other; as given if they are equal or cannot be compared.
    """
    if metric.by_subject:
        difference = mean_difference(*_paired_means(results, pair, metric), best=metric.best)
    else:
        compared = compare(results, pair, metric)
        difference = math.nan if isinstance(compared, str) else compared.difference.estimate
    ahead = difference if metric.higher_is_better else -difference
    return pair[::-1] if ahead < 0 else pair


def mean_interval(values: pd.DataFrame) -> Interval:
    """Interval of the mean of subject means; each subject's mean is over its training seeds.

    Args:
        values: Subject, training seed and value, as of ``Results.values_of``.
    """
    return bootstrap_interval(mean_by_subject(values))


def mean_by_subject(values: pd.DataFrame) -> pd.Series:
    """Each subject's mean over its training seeds; of the same values as ``mean_interval``."""
    columns = ("value", "subject", "training_seed")
    return subject_means(*(values[column].to_numpy() for column in columns))


def ratio_of_subjects(parts: pd.DataFrame) -> Interval:
    """A ratio of sums over pairs and training seeds, with its jackknife interval over subjects.

    Args:
        parts: Subject, numerator and denominator, as of ``Results.parts_of``.
    """
    sums = parts.groupby("subject")[[NUMERATOR, DENOMINATOR]].sum()
    return ratio_interval(sums[NUMERATOR], sums[DENOMINATOR])


def _set_interval(rows: pd.DataFrame, metric: MetricFacts) -> Interval:
    parts = _subject_parts(rows)
    if len(parts):
        found = bootstrap_ratio(parts[NUMERATOR], parts[DENOMINATOR])
    else:
        found = jackknife_interval(_set_value(rows), list(_left_out(rows).values()))
    return found.within(metric.minimum, metric.maximum)


def _subject_parts(rows: pd.DataFrame) -> pd.DataFrame:
    """Both parts of each subject's ratio, averaged over training seeds; empty without them."""
    whole = rows[rows["role"].isin([NUMERATOR, DENOMINATOR]) & (rows["visit"] == "")]
    return whole.pivot_table(index="subject", columns="role", values="value", aggfunc="mean")


def _paired_means(
    results: Results, pair: tuple[Entry, Entry], metric: MetricFacts
) -> tuple[pd.Series, pd.Series]:
    """Both entries' subject means over the volumes that both have values of."""
    first, second = (results.values_of(entry, metric) for entry in pair)
    return (
        mean_by_subject(first[first["volume"].isin(second["volume"])]),
        mean_by_subject(second[second["volume"].isin(first["volume"])]),
    )


def _compare_sets(
    results: Results, pair: tuple[Entry, Entry], metric: MetricFacts
) -> Comparison | str:
    first, second = (results.scores_of(entry, metric) for entry in pair)
    sizes = sorted(_volumes(first) | _volumes(second))
    if len(sizes) > 1:
        return f"on different numbers of volumes: N = {', '.join(map(str, sizes))}"
    left_out = _left_out(first), _left_out(second)
    if left_out[0].keys() != left_out[1].keys():
        return NOTHING_IN_COMMON
    values = _set_value(first), _set_value(second)
    return compare_leave_outs(values, *left_out, best=metric.best)


def _volumes(rows: pd.DataFrame) -> set[int]:
    return {int(count) for count in rows.loc[rows["role"] == VALUE, "n"]}


def _set_value(rows: pd.DataFrame) -> float:
    return float(rows.loc[rows["role"] == VALUE, "value"].mean())


def _left_out(rows: pd.DataFrame) -> dict[str, float]:
    """The metric without each subject, averaged over training seeds."""
    left_out = rows[rows["role"] == LEAVE_OUT].dropna(subset=["value"])
    means = left_out.groupby("subject")["value"].mean()
    return {str(subject): float(value) for subject, value in means.items()}


def _floor(rows: pd.DataFrame) -> AtFloor | None:
    """Means over training seeds; the real volumes are the same for all."""
    real, half = (rows[rows["role"] == role].dropna(subset=["value"]) for role in (FLOOR, HALF))
    if real.empty or half.empty:
        return None
    return AtFloor(real["value"].mean(), half["value"].mean(), round(half["n"].mean()))


def _real(rows: pd.DataFrame) -> float:
    """Mean over subjects, or over training seeds of a value for the whole set."""
    return _mean_of_subjects(rows[rows["role"] == REAL])


def _mean_of_subjects(values: pd.DataFrame) -> float:
    return float(values.groupby("subject")["value"].mean().mean())


def _partly(values: pd.DataFrame) -> str:
    """Report how many values are missing, and how many are of real pairs with a note."""
    missing = values["value"].isna()
    of_all = f"of {len(values)} values are"
    found = [f"{missing.sum()} {of_all} missing: {_note(values[missing])}"] if missing.any() else []
    doubts = values.loc[~missing & (values["note"] != ""), "note"].value_counts(sort=False)
    found += [f"{count} {of_all} {_about_pairs(str(note))}" for note, count in doubts.items()]
    return "; ".join(found)


def _about_pairs(note: str) -> str:
    if note.startswith(UNDETECTABLE):
        return f"of real pairs with {note}"
    return f"doubtful: {note}"


def _note(values: pd.DataFrame) -> str:
    return "; ".join(dict.fromkeys(note for note in values["note"] if note))
