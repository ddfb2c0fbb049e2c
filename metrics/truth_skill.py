"""Skill against the simulated change of anatomy: how much of it was generated, and nothing else."""

from types import MappingProxyType
from typing import ClassVar

import numpy as np

from longibench.metrics.masks import HEAD, Region
from longibench.metrics.metric import Scan
from longibench.metrics.ratio import RatioMetric
from longibench.metrics.true_change import generated_change, true_change


class TruthSkill(RatioMetric, name="truth-skill"):
    """1 - sum|(generated - source) - C| / sum|C|, with C the simulated change of anatomy alone.

    The sums run over the source's head and over all pairs. A copy of the source scores 0, half of
    the change 0.5, all of it 1. Noise that is removed from the source, or added to it, is not part
    of C and counts as an error; so does smoothing.
    """

    family = "truth"
    higher_is_better = True
    citation = "this suite: Murphy 1988, Mon. Wea. Rev. 116:2417, with the simulated change"
    parameters = MappingProxyType({"error": "L1", "over": "all pairs", **HEAD})
    mask: ClassVar[str] = Region.HEAD.value

    @property
    def title(self) -> str:
        """Name with the formula and the mask."""
        return "Skill against the true change [1 - sum|error| / sum|change|, source's head]"

    def parts(
        self, scan: Scan, *, reference: Scan, source: Scan, interval_years: float
    ) -> tuple[float, float]:
        """The part of the true change that was generated, and the true change, summed.

        Raises:
            MetricError: There is no truth, the shapes differ, or no head is found in the source.
        """
        true = true_change(scan, source)
        size = float(np.abs(true).sum())
        return size - float(np.abs(generated_change(scan, source) - true).sum()), size
