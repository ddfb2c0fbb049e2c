"""Skill against copying: how much a method reduces the error of a copy."""

from types import MappingProxyType
from typing import ClassVar

import numpy as np

from longibench.metrics.masks import HEAD, Region
from longibench.metrics.metric import MetricError, PairMetric, Scan
from longibench.metrics.pairs import same_shape, unit_range


class Skill(PairMetric, name="skill"):
    """1 - MAE / MAE of the source as the prediction (persistence).

    A copy of the source scores 0 and the truth 1; below 0 a method is worse than a copy. The
    absolute error is preferred to the square because ratios of squares have heavier tails. Noise
    that is removed from the source counts as skill: a copy without noise and change is above 0.

    It is a ratio for each pair. If the follow-up differs little from the source, the denominator is
    small and the value can be far below 0, and these pairs dominate a mean over pairs. See also the
    single values, the strata by interval, and 1 - mean error / mean error of ``copy-source`` from
    the column ``mae``, which weights pairs by the size of their true change.
    """

    family = "change"
    higher_is_better = True
    citation = "Murphy 1988, Mon. Wea. Rev. 116:2417: skill score, with persistence as reference"
    parameters = MappingProxyType({"error": "MAE"})
    region: ClassVar[Region] = Region.WHOLE
    mask: ClassVar[str] = region.value

    @property
    def title(self) -> str:
        """Name with the error and the mask."""
        return f"Skill against copying [1 - MAE / MAE of the source, {self.region.value}]"

    def __call__(
        self, *, generated: Scan, reference: Scan, source: Scan, interval_years: float
    ) -> float:
        """Score one generated volume.

        Raises:
            MetricError: The shapes differ, the source's head is needed and not found, or the
                follow-up equals the source.
        """
        same_shape(generated, reference, source)
        x, truth, copy = (
            self.region.of(unit_range(scan), source) for scan in (generated, reference, source)
        )
        error_of_copy = np.abs(copy - truth).mean()
        if error_of_copy == 0:
            raise MetricError("no skill to show: the follow-up equals the source")
        return float(1 - np.abs(x - truth).mean() / error_of_copy)


class HeadSkill(Skill, name="skill-head"):
    """Skill against copying inside the source's head."""

    region = Region.HEAD
    mask = region.value
    parameters = MappingProxyType({**Skill.parameters, **HEAD})
