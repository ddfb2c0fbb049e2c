"""The course of a structure's volume over a subject's follow-ups: how fast, and from where.

A line is fitted to the follow-ups alone, generated and real ones in the same way: the source, which
every method gets, is not a point of it. Its slope is the change from visit to visit, which a
constant offset does not alter; its start is the jump that the first generated volume makes.
Subjects whose follow-ups span less than a year have no slope; they count in the total change.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import ClassVar

import numpy as np

from longibench.metrics.correlation import correlation
from longibench.metrics.metric import Features, MetricError, Scan, SetMetric, TooFewVolumes
from longibench.metrics.statistics import ENOUGH, bootstrap_interval
from longibench.metrics.tissue import TissueMetric

SPAN = 1.0  # years from the first to the last follow-up
FEWEST = 10  # subjects for a correlation
ML, SOURCE, YEARS = range(3)  # columns of the features
DEFINED_BY = MappingProxyType({"course": "line through the follow-ups", "span_years": SPAN})

Parts = dict[str, tuple[float, float]]


class CourseMetric(TissueMetric, SetMetric):
    """Base class: compares the generated with the real courses of all subjects.

    Several samples of a subject are points of one line.
    """

    defined_by = DEFINED_BY

    def features(self, scan: Scan, *, source: Scan, interval_years: float) -> Features:
        """Volumes of the structure in the scan and in its source in ml, and the years, (3,).

        Raises:
            MetricError: The structure cannot be measured.
        """
        return np.array([self.volume(scan), self.volume(source), interval_years])

    def __call__(self, *, generated: Features, reference: Features) -> float:
        """Score the visits of one subject, (V, 3) each; see ``value_by_subject`` for several."""
        groups = [""] * len(generated)
        return self.value_by_subject(generated=generated, reference=reference, groups=groups)

    def leave_one_out(
        self, *, generated: Features, reference: Features, groups: Sequence[str]
    ) -> dict[str, float]:
        """As of ``SetMetric``; a subject without a slope changes nothing."""
        people = sorted(set(groups))
        if len(people) < 2:
            raise TooFewVolumes("leaving a subject out needs at least 2 subjects")
        parts = self._parts(generated=generated, reference=reference, groups=groups)
        return {
            left: self._value({who: its for who, its in parts.items() if who != left})
            for left in people
        }

    def value_by_subject(
        self, *, generated: Features, reference: Features, groups: Sequence[str]
    ) -> float:
        """Score all subjects.

        Args:
            generated: Features of the generated volumes, (N, 3).
            reference: Features of the real follow-ups, (N, 3).
            groups: The subject of each row, (N,).

        Raises:
            TooFewVolumes: Too few subjects have a slope.
            MetricError: It is not defined on these courses.
        """
        parts = self._parts(generated=generated, reference=reference, groups=groups)
        self._check(parts)
        return self._value(parts)

    def _parts(self, *, generated: Features, reference: Features, groups: Sequence[str]) -> Parts:
        """Two numbers for each subject with a slope; arguments as of ``value_by_subject``."""
        rows = np.asarray(groups)
        return {
            str(subject): self._part(generated[own], reference[own])
            for subject in np.unique(rows)
            if np.ptp(reference[own := rows == subject, YEARS]) >= SPAN
        }

    def _check(self, parts: Parts) -> None:
        """Refuse too few subjects."""
        if not parts:
            raise TooFewVolumes(
                f"no slope: no subject has follow-ups that span at least {SPAN:g} year"
            )

    def _part(self, generated: Features, reference: Features) -> tuple[float, float]:
        """Two numbers of one subject's visits, (V, 3) each: by default both slopes."""
        return slope(generated), slope(reference)

    @abstractmethod
    def _value(self, parts: Parts) -> float:
        """The value from all subjects' numbers."""


class CourseRatio(CourseMetric):
    """A ratio of sums over subjects; both parts of each subject are kept in the scores."""

    higher_is_better = False
    decimals = 2

    def parts_by_subject(
        self, *, generated: Features, reference: Features, groups: Sequence[str]
    ) -> Parts:
        """Numerator and denominator of each subject with a slope."""
        return self._parts(generated=generated, reference=reference, groups=groups)

    def _value(self, parts: Parts) -> float:
        numerator, denominator = np.array(list(parts.values())).reshape(-1, 2).sum(axis=0)
        return float(numerator / denominator) if denominator else float("nan")


class SlopeRatio(CourseRatio):
    """Sum of the generated slopes over the sum of the true ones.

    1 is the true speed on average, 0 no change from visit to visit: a copy, or any follow-up that
    does not depend on the interval, however far it is from the source.
    """

    best: ClassVar[float | None] = 1.0
    quantity = "slope ratio"

    def _check(self, parts: Parts) -> None:
        """Refuse where the sum of the true slopes may be 0: the ratio then means nothing."""
        super()._check(parts)
        if len(parts) < ENOUGH:
            raise TooFewVolumes(
                f"no slope ratio: it needs {ENOUGH} subjects whose follow-ups span at least "
                f"{SPAN:g} year; there are {len(parts)}"
            )
        true = bootstrap_interval([below for _, below in parts.values()])
        if true.low <= 0 <= true.high:
            raise MetricError(
                "no slope ratio: the interval of the mean true slope, "
                f"{true.low:.2g} to {true.high:.2g} ml a year, contains 0"
            )


class Intercept(CourseRatio):
    """The jump at year 0: where the generated courses start, minus where the real ones do.

    The start is the value at the source's visit of the line through the follow-ups, minus the
    source's volume: by least squares, of one start for all subjects and a slope for each. A copy
    scores minus the start of the real courses, which is near 0 unless they are curved.
    """

    best: ClassVar[float | None] = 0.0
    unit = "ml"
    quantity = "jump at year 0"

    def _part(self, generated: Features, reference: Features) -> tuple[float, float]:
        """The start is a ratio of sums over subjects of what each one's slope leaves."""
        years = reference[:, YEARS]
        left = 1 - years * years.sum() / (years @ years)
        return float(left @ (generated[:, ML] - reference[:, ML])), float(left.sum())


class SlopeCorrelation(CourseMetric):
    """Pearson's correlation of generated with true slopes: who changes fast?

    One point a subject. It does not detect bias: half of every slope correlates perfectly. A copy
    has no slopes, and no correlation.
    """

    higher_is_better = True
    minimum: ClassVar[float | None] = -1.0
    maximum: ClassVar[float | None] = 1.0
    quantity = "correlation of slopes"

    def _check(self, parts: Parts) -> None:
        super()._check(parts)
        if len(parts) < FEWEST:
            raise TooFewVolumes(
                f"a correlation needs {FEWEST} subjects whose follow-ups span at least {SPAN:g} "
                f"year; there are {len(parts)}"
            )

    def _value(self, parts: Parts) -> float:
        made, true = np.array(list(parts.values())).T
        return correlation(made, true, "slope")


def slope(course: Features) -> float:
    """Slope in ml a year of the least squares line through a subject's visits, (V, 3)."""
    years, volumes = course[:, YEARS], course[:, ML] - course[:, ML].mean()
    return float((years - years.mean()) @ volumes / np.square(years - years.mean()).sum())


KINDS: Mapping[str, type[CourseMetric]] = MappingProxyType(
    {"slope-ratio": SlopeRatio, "intercept": Intercept, "slope-correlation": SlopeCorrelation}
)
