"""Measures the coverage of intervals for docs/statistics.md: how often they contain the truth.

``python docs/examples/check_intervals.py [REPLICATIONS OF MEANS] [REPLICATIONS OF FID]`` prints
Markdown tables; about a quarter of an hour on 2 cores with the defaults, 2000 and 300.
"""

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from scipy import stats
from threadpoolctl import threadpool_limits

from longibench.metrics.fid import FID
from longibench.metrics.statistics import (
    Interval,
    bootstrap_interval,
    jackknife_interval,
    subject_means,
)
from longibench.metrics.statistics_paired import compare_leave_outs

Array = np.ndarray[Any, Any]
Effect = Callable[[np.random.Generator, int], Array]

WORKERS = 2
REPLICATIONS = (2_000, 300)  # of means and of FID
RESAMPLES = 1_999  # fewer than a report's, and enough for coverage to a percent
SUBJECT_EFFECTS: dict[str, Effect] = {
    "normal": lambda rng, count: rng.normal(size=count),
    "skewed (exponential)": lambda rng, count: rng.exponential(size=count) - 1,
    "very skewed (lognormal)": lambda rng, count: rng.lognormal(0, 1, count) - np.exp(0.5),
}


# --- means -----------------------------------------------------------------------------------


def visits(rng: np.random.Generator, subjects: int, effect: Effect) -> tuple[Array, Array]:
    """Values of true mean 0 and their subjects: 1 to 5 visits, whose errors add up over time."""
    effects = effect(rng, subjects)
    counts = rng.integers(1, 6, subjects)
    errors = [np.cumsum(0.3 * rng.normal(size=count)) for count in counts]
    groups = np.repeat(np.arange(subjects), counts)
    return effects[groups] + np.concatenate(errors), groups


def mean_row(subjects: int, name: str, replications: int) -> list[str]:
    """Coverage of zero by the intervals of reports, and by scipy's percentile intervals."""
    rng = np.random.default_rng(subjects)
    hits, held = np.zeros(2), True
    for _ in range(replications):
        means = subject_means(*visits(rng, subjects, SUBJECT_EFFECTS[name])).to_numpy()
        bca = bootstrap_interval(means, resamples=RESAMPLES)
        held &= bca.low <= bca.estimate <= bca.high
        percentile = stats.bootstrap(
            (means,), np.mean, n_resamples=RESAMPLES, method="percentile", rng=0
        ).confidence_interval
        hits += [bca.low <= 0 <= bca.high, percentile.low <= 0 <= percentile.high]
    shares = [f"{100 * hit / replications:.1f}%" for hit in hits]
    return [str(subjects), name, *shares, "yes" if held else "NO"]


# --- FID ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class World:
    """Normal features of real volumes and of two methods' generated ones.

    Subjects' effects carry 80% of the variance and are in part shared by real and generated.
    """

    subjects: int
    dimension: int
    visits: int = 2
    within: float = 0.8  # correlation of a subject's visits
    shared: float = 0.8  # of the subject's effect, between real and generated

    @property
    def scales(self) -> tuple[Array, Array, Array]:
        """Standard deviations of real features and of each method's."""
        real = (1 + np.arange(self.dimension)) ** -0.5
        return real, 0.8 * real, 0.7 * real

    @property
    def shifts(self) -> tuple[float, float, float]:
        """Distances of the mean in every feature."""
        return 0.0, 0.03, 0.04

    def population(self, method: int) -> float:
        """The true Fréchet distance of a method, 1 or 2: covariances are diagonal."""
        scale, shift = self.scales, self.shifts
        return float(self.dimension * shift[method] ** 2 + np.sum((scale[method] - scale[0]) ** 2))

    def sample(self, rng: np.random.Generator) -> list[Array]:
        """Features (N, d) of the real volumes and of each method's."""
        common = rng.normal(size=(self.subjects, self.dimension))
        return [self._features(rng, common, place) for place in range(3)]

    def _features(self, rng: np.random.Generator, common: Array, place: int) -> Array:
        own = rng.normal(size=common.shape)
        mix = 1.0 if place == 0 else self.shared
        effects = np.repeat(mix * common + np.sqrt(1 - mix**2) * own, self.visits, axis=0)
        errors = rng.normal(size=effects.shape)
        unit = np.sqrt(self.within) * effects + np.sqrt(1 - self.within) * errors
        return np.asarray(self.shifts[place] + self.scales[place] * unit)


@dataclass(frozen=True)
class Replicate:
    """Intervals of one sample: of the first method's FID, and of its difference to the second's."""

    value: Interval
    difference: Interval


def replicate(world: World, seed: int) -> Replicate:
    """Sample once and compute both intervals."""
    real, *made = world.sample(np.random.default_rng([seed, 1]))
    groups = [str(subject) for subject in np.repeat(np.arange(world.subjects), world.visits)]
    metric = FID()
    first, second = (metric(generated=its, reference=real) for its in made)
    without = [metric.leave_one_out(generated=its, reference=real, groups=groups) for its in made]
    return Replicate(
        jackknife_interval(first, list(without[0].values())),
        compare_leave_outs((first, second), *without).difference,
    )


def estimates(world: World, seed: int) -> tuple[float, float]:
    """FID of both methods on another sample, for their mean at this N."""
    real, *made = world.sample(np.random.default_rng([seed, 2]))
    first, second = (FID()(generated=its, reference=real) for its in made)
    return first, second


def fid_row(world: World, replications: int, pool: ProcessPoolExecutor) -> list[str]:
    """Coverage of the mean at this N, from separate samples, and of the true value."""
    found = list(pool.map(partial(replicate, world), range(replications)))
    mean = np.mean(
        list(pool.map(partial(estimates, world), range(10 * replications), chunksize=50)), axis=0
    )
    value, difference = [one.value for one in found], [one.difference for one in found]
    truth = world.population(1), world.population(1) - world.population(2)
    errors = [interval.standard_error for interval in value]
    spread = np.std([interval.estimate for interval in value], ddof=1)
    return [
        f"{world.subjects} x {world.visits}",
        str(world.dimension),
        f"{truth[0]:.3f}",
        f"{mean[0]:.3f}",
        f"{np.mean(errors) / spread:.2f}",
        covered(value, mean[0]),
        covered(value, truth[0]),
        covered(difference, mean[0] - mean[1]),
        covered(difference, truth[1]),
        "yes" if all(i.low <= i.estimate <= i.high for i in value + difference) else "NO",
    ]


def covered(intervals: list[Interval], truth: float) -> str:
    """Share of intervals that contain the truth."""
    hits = [interval.low <= truth <= interval.high for interval in intervals]
    return f"{100 * np.mean(hits):.1f}%"


# --- tables ----------------------------------------------------------------------------------

MEAN_HEADS = (
    "subjects",
    "subject means",
    "BCa, widened",
    "plain percentile",
    "contains its estimate",
)
FID_HEADS = (
    "subjects x visits",
    "features",
    "FID of the population",
    "mean FID at this N",
    "standard error / true one",
    "covers the mean at this N",
    "covers the population's",
    "difference: covers its mean at this N",
    "difference: covers the population's",
    "contains its estimate",
)
WORLDS = [World(24, 64), World(24, 512), World(114, 64), World(114, 256), World(114, 512)]


def rows(means: int, fids: int) -> Iterator[tuple[tuple[str, ...], list[list[str]]]]:
    """Heads and rows of each table."""
    limits = partial(threadpool_limits, 1)  # two processes with a thread each
    with ProcessPoolExecutor(WORKERS, initializer=limits) as pool:
        cases = [(count, name) for count in (6, 10, 24, 114) for name in SUBJECT_EFFECTS]
        counts, names = zip(*cases, strict=True)
        yield MEAN_HEADS, list(pool.map(mean_row, counts, names, [means] * len(cases)))
        if fids:
            yield FID_HEADS, [fid_row(world, fids, pool) for world in WORLDS]


def main() -> None:
    """Print both tables."""
    given = [int(word) for word in sys.argv[1:]]
    means, fids = (*given, *REPLICATIONS[len(given) :])
    for heads, body in rows(means, fids):
        for line in (heads, ["---"] * len(heads), *body):
            print(f"| {' | '.join(line)} |")
        print(flush=True)


if __name__ == "__main__":
    main()
