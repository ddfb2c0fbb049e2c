"""Set metrics computed on many subsets of the same volumes: jackknife and floor."""

import os
from abc import abstractmethod
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from longibench.metrics.metric import Features, Floor, SetMetric, TooFewVolumes

Rows = NDArray[np.intp]

LEAST_VOLUMES = 10
SPLITS = 10


class Subsets(Protocol):
    """A distance of any rows of one set of features from any rows of another."""

    def distance(self, generated: Rows, reference: Rows) -> float:
        """Compare the given rows of either set."""


class SubsetMetric(SetMetric):
    """A set metric that prepares two sets once and then compares any of their subsets.

    Fewer than ``LEAST_VOLUMES`` volumes are refused: the standard deviation of a feature is known
    within a factor of 2 (95 %, chi-square) from 9 volumes on, which remain of 10 when one is left
    out. A real volume counts once, for any number of samples generated for it: duplicates would
    count as more volumes than there are.

    Attributes:
        least_volumes: The smallest number of volumes in a set.
    """

    least_volumes: ClassVar[int] = LEAST_VOLUMES

    @abstractmethod
    def subsets(self, *, generated: Features, reference: Features) -> Subsets:
        """Prepare two sets of features, (N, d) and (M, d), for the comparison of subsets.

        Raises:
            MetricError: A feature is not finite.
        """

    def __call__(self, *, generated: Features, reference: Features) -> float:
        """Compare two sets of features, (N, d) and (M, d).

        Raises:
            TooFewVolumes: Fewer than ``least_volumes`` volumes in a set.
            MetricError: A feature is not finite.
        """
        rows = np.arange(len(generated)), first_rows(reference)
        self.check_count(*rows)
        prepared = self.subsets(generated=generated, reference=reference)
        return all_distances(prepared, [rows])[0]

    def leave_one_out(
        self, *, generated: Features, reference: Features, groups: Sequence[str]
    ) -> dict[str, float]:
        """Compute the metric once without each group's volumes; see ``SetMetric``."""
        once, kept = first_rows(reference), rows_without(groups)
        pairs = [(rows, np.intersect1d(rows, once)) for rows in kept.values()]
        self.check_count(*(real for _, real in pairs), least=self.least_volumes - 1)
        prepared = self.subsets(generated=generated, reference=reference)
        return dict(zip(kept, all_distances(prepared, pairs), strict=True))

    def floor(
        self, *, generated: Features, reference: Features, groups: Sequence[str]
    ) -> Floor | None:
        """Real against real, and generated against real, at the N of a half.

        The subjects are split in halves A and B, ``SPLITS`` times; the results are the means of
        real A against real B, and of generated A against real B. No subject is in both, so that
        only the origin of the volumes differs between the values. Of several samples of a volume
        the first is taken, so that both values have the same N.

        Raises:
            TooFewVolumes: Fewer than 4 subjects, or too few volumes in a half.
        """
        once = first_rows(reference)
        halves = [
            (np.intersect1d(first, once), np.intersect1d(second, once))
            for first, second in split_halves(groups, SPLITS)
        ]
        self.check_count(*(rows for half in halves for rows in half))
        real = self.subsets(generated=reference, reference=reference)
        mixed = self.subsets(generated=generated, reference=reference)
        return Floor(
            real=float(np.mean(all_distances(real, halves))),
            generated=float(np.mean(all_distances(mixed, halves))),
            count=len(once) // 2,
        )

    def check_count(self, *subsets: Rows, least: int | None = None) -> None:
        """Refuse subsets that are too small.

        Raises:
            TooFewVolumes: Fewer than ``least``, by default ``least_volumes``, volumes in one.
        """
        least = self.least_volumes if least is None else least
        fewest = min(map(len, subsets))
        if fewest < least:
            raise TooFewVolumes(
                f"{self.name} on {fewest} volumes do not describe a distribution; it needs at "
                f"least {least}"
            )


def all_distances(prepared: Subsets, pairs: Sequence[tuple[Rows, Rows]]) -> list[float]:
    """The distances of many subsets, one thread per core.

    BLAS uses one thread in each: its own threads would synchronise at every step through a matrix
    of some hundred rows, and on a busy machine the same work takes ten times as long.
    """
    with (
        threadpool_limits(limits=1, user_api="blas"),
        ThreadPoolExecutor(min(len(pairs), os.cpu_count() or 1)) as pool,
    ):
        return list(pool.map(lambda pair: prepared.distance(*pair), pairs))


def first_rows(features: Features) -> Rows:
    """The rows without duplicates: with several samples per pair, real ones are repeated."""
    return np.sort(np.unique(features, axis=0, return_index=True)[1])


def rows_without(groups: Sequence[str]) -> dict[str, Rows]:
    """For each group, sorted, the rows of all others.

    Raises:
        TooFewVolumes: Fewer than 2 groups.
    """
    names = np.asarray(groups)
    unique = np.unique(names)
    if len(unique) < 2:
        raise TooFewVolumes("leaving a subject out needs at least 2 subjects")
    return {str(group): np.flatnonzero(names != group) for group in unique}


def split_halves(groups: Sequence[str], splits: int) -> list[tuple[Rows, Rows]]:
    """Split the groups in halves at random, the same ones on every machine.

    Returns:
        The rows of either half, for each split.

    Raises:
        TooFewVolumes: Fewer than 4 groups.
    """
    names = np.asarray(groups)
    unique = np.unique(names)
    if len(unique) < 4:
        raise TooFewVolumes(f"two halves need at least 4 subjects; there are {len(unique)}")
    random = np.random.default_rng(0)
    halves = []
    for _ in range(splits):
        first = np.isin(names, random.permutation(unique)[: len(unique) // 2])
        halves.append((np.flatnonzero(first), np.flatnonzero(~first)))
    return halves
