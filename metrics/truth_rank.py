"""Rank correlation of generated with simulated change, where the anatomy changes most."""

from types import MappingProxyType
from typing import ClassVar

from scipy import stats

from longibench.metrics.correlation import correlation
from longibench.metrics.masks import HEAD, Region
from longibench.metrics.metric import MetricError, PairMetric, Scan
from longibench.metrics.true_change import (
    LARGEST,
    generated_change,
    largest_change,
    true_change,
)


class TruthRank(PairMetric, name="truth-rank"):
    """Spearman's correlation of generated and simulated change over the 5% largest changes.

    It measures whether larger changes are generated where the anatomy changes more, on any scale. A
    copy has no change and therefore no correlation.
    """

    family = "truth"
    higher_is_better = True
    citation = "Spearman 1904; the change as in Longitudinal4DMed (MIC-DKFZ), with its sign"
    parameters = MappingProxyType({"largest": LARGEST, **HEAD})
    mask: ClassVar[str] = Region.HEAD.value

    @property
    def title(self) -> str:
        """Name with the threshold and the mask."""
        return f"Rank correlation with the true change [its {LARGEST:.0%} largest, source's head]"

    def __call__(
        self, *, generated: Scan, reference: Scan, source: Scan, interval_years: float
    ) -> float:
        """Score one generated volume.

        Raises:
            MetricError: There is no truth, the shapes differ, no head is found, nothing changes, or
                the generated change is constant.
        """
        true = true_change(reference, source)
        large = largest_change(true)
        if not large.any():
            raise MetricError("the anatomy does not change")
        made = generated_change(generated, source)[large]
        correlation(made, true[large], "change")  # refuses a constant one before it is ranked
        return correlation(stats.rankdata(made), stats.rankdata(true[large]), "change")
