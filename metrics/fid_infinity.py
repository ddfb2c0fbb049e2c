"""The Fréchet distance extrapolated to infinitely many volumes (Chong and Forsyth 2020)."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from longibench.metrics.frechet_subsets import OnePart, prepare
from longibench.metrics.metric import Features, Floor, Scan, TooFewVolumes
from longibench.metrics.subsets import (
    Rows,
    SubsetMetric,
    Subsets,
    all_distances,
    first_rows,
    rows_without,
)

LEAST_SUBJECTS = 20
FRACTIONS = (1 / 2, 5 / 8, 3 / 4, 7 / 8)
ORDERS = 2  # random orders of the subjects; the first and the last of each form a subset


class FIDInfinity(SubsetMetric, name="fid-infinity"):
    """FID extrapolated by a straight line over 1 / N to 1 / N = 0.

    FID on N volumes is biased upward, to first order by a multiple of 1 / N that depends on the
    method, so that even the order of two methods can be due to the bias. Here it is computed on
    subsets of half to all of the subjects, the same ones generated and real, and extrapolated.

    It is more uncertain than FID, and can be negative by chance: it is not clipped, which would
    introduce a new bias. With more volumes than features little of the bias remains; with fewer,
    the usual case here, the bias decreases more slowly than 1 / N, and the result is only closer
    to the limit than FID. On normal distributions at a distance of 1.6 (d = 32, N = 100) FID gives
    6.3 in the mean and this metric 1.7; at 6.9 (d = 256, N = 100) they give 92 and 28.
    """

    family = "distribution"
    higher_is_better = False
    decimals = 3
    citation = "Chong and Forsyth 2020, arXiv:1911.07023, section 3.1"
    parameters = MappingProxyType(
        {"fractions": list(FRACTIONS), "orders": ORDERS, "subsets": "by subject"}
    )
    uses_extractor = True

    @property
    def title(self) -> str:
        """Name with the extractor."""
        return f"FID, N to infinity [{self.instruments.title}]"

    def features(self, scan: Scan, *, source: Scan, interval_years: float) -> Features:
        """Features of one volume, (d,)."""
        return self.instruments.features(scan)

    def subsets(self, *, generated: Features, reference: Features) -> OnePart:
        """Prepare two sets of features, (N, d) each, for the comparison of subsets."""
        return prepare(self.instruments, generated=generated, reference=reference)

    def __call__(self, *, generated: Features, reference: Features) -> float:
        """Extrapolate over subsets of the volumes, each of a different subject."""
        groups = [str(row) for row in range(len(generated))]
        return self.value_by_subject(generated=generated, reference=reference, groups=groups)

    def value_by_subject(
        self, *, generated: Features, reference: Features, groups: Sequence[str]
    ) -> float:
        """Extrapolate over subsets of the subjects.

        Volumes of one subject are similar: omitting some of them would not change the effective
        N.

        Args:
            generated: Features (N, d).
            reference: Features (N, d), row by row of the same subjects.
            groups: The subject of each row, (N,).

        Raises:
            TooFewVolumes: Fewer than ``LEAST_SUBJECTS`` subjects.
            MetricError: A feature is not finite.
        """
        samples = subject_samples(groups)
        prepared = self.subsets(generated=generated, reference=reference)
        return _intercepts(prepared, {"": samples}, first_rows(reference))[""]

    def leave_one_out(
        self, *, generated: Features, reference: Features, groups: Sequence[str]
    ) -> dict[str, float]:
        """Extrapolate once without each group, over the same subsets without its volumes.

        New subsets would add sampling noise, which a jackknife multiplies by the number of
        subjects.
        """
        kept, samples = rows_without(groups), subject_samples(groups)
        prepared = self.subsets(generated=generated, reference=reference)
        remaining = {
            group: [np.intersect1d(rows, others) for rows in samples]
            for group, others in kept.items()
        }
        return _intercepts(prepared, remaining, first_rows(reference))

    def floor(
        self, *, generated: Features, reference: Features, groups: Sequence[str]
    ) -> Floor | None:
        """None: without the bias, the distance between real volumes is 0."""
        return None


def subject_samples(subjects: Sequence[str]) -> list[Rows]:
    """Rows of all volumes, and of subsets of half to all subjects, the same on every machine.

    Raises:
        TooFewVolumes: Fewer than ``LEAST_SUBJECTS`` subjects.
    """
    names = np.asarray(subjects)
    unique = np.unique(names)
    count = len(unique)
    if count < LEAST_SUBJECTS:
        raise TooFewVolumes(
            f"a line through FID on half to all of {count} subjects would be determined by chance, "
            f"and its extrapolation meaningless; it needs at least {LEAST_SUBJECTS} subjects"
        )
    random = np.random.default_rng(0)
    chosen = [unique]
    for _ in range(ORDERS):
        order = random.permutation(unique)
        for size in (round(fraction * count) for fraction in FRACTIONS):
            chosen += [order[:size], order[-size:]]
    return [np.flatnonzero(np.isin(names, subset)) for subset in chosen]


def _intercepts(
    prepared: Subsets, samples: Mapping[str, Sequence[Rows]], once: Rows
) -> dict[str, float]:
    """For each list of subsets, the least squares line of FID over 1 / N, at 1 / N = 0.

    A subset that several lists share is compared once, and so is each real volume.
    """
    distinct = {rows.tobytes(): rows for subsets in samples.values() for rows in subsets}
    pairs = [(rows, np.intersect1d(rows, once)) for rows in distinct.values()]
    values = all_distances(prepared, pairs)
    known = dict(zip(distinct, values, strict=True))

    def intercept(subsets: Sequence[Rows]) -> float:
        inverse = [1 / len(rows) for rows in subsets]
        distances = [known[rows.tobytes()] for rows in subsets]
        return float(np.polynomial.Polynomial.fit(inverse, distances, deg=1)(0))

    return {name: intercept(subsets) for name, subsets in samples.items()}
