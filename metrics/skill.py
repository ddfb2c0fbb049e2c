"""Skill against copying: how much a method reduces the error of a copy."""

from types import MappingProxyType
from typing import ClassVar

import numpy as np

from longibench.metrics.masks import HEAD, Region
from longibench.metrics.metric import Scan
from longibench.metrics.pairs import same_shape, unit_range
from longibench.metrics.ratio import RatioMetric


class Skill(RatioMetric, name="skill"):
    """1 - mean MAE / mean MAE of the source as the prediction (persistence).

    A copy of the source scores 0 and the truth 1; below 0 a method is worse than a copy. It is a
    ratio of means over pairs: a mean of ratios would be dominated by the pairs whose follow-up
    differs least from the source. The absolute error is preferred to the square because ratios of
    squares have heavier tails. Noise that is removed from the source counts as skill: a copy
    without noise and change is above 0.
    """

    family = "change"
    higher_is_better = True
    citation = "Murphy 1988, Mon. Wea. Rev. 116:2417: skill score, with persistence as reference"
    parameters = MappingProxyType({"error": "MAE", "over": "all pairs"})
    region: ClassVar[Region] = Region.WHOLE
    mask: ClassVar[str] = region.value

    @property
    def title(self) -> str:
        """Name with the error and the mask."""
        return f"Skill against copying [1 - mean MAE / mean MAE of the source, {self.region.value}]"

    def parts(
        self, scan: Scan, *, reference: Scan, source: Scan, interval_years: float
    ) -> tuple[float, float]:
        """How much smaller the error is than that of a copy, and the error of a copy.

        Raises:
            MetricError: The shapes differ, or the source's head is needed and not found.
        """
        same_shape(scan, reference, source)
        x, truth, copy = (
            self.region.of(unit_range(its), source) for its in (scan, reference, source)
        )
        of_copy = float(np.abs(copy - truth).mean())
        return of_copy - float(np.abs(x - truth).mean()), of_copy


class HeadSkill(Skill, name="skill-head"):
    """Skill against copying inside the source's head."""

    region = Region.HEAD
    mask = region.value
    parameters = MappingProxyType({**Skill.parameters, **HEAD})
