"""Does the generated change point up where the anatomy brightens, down where it darkens?"""

from types import MappingProxyType
from typing import ClassVar

import numpy as np
from scipy import stats

from longibench.metrics.masks import HEAD, Mask, Region
from longibench.metrics.metric import MetricError, PairMetric, Scan
from longibench.metrics.pairs import Values
from longibench.metrics.true_change import (
    LARGEST,
    generated_change,
    largest_change,
    true_change,
)


class TruthAuroc(PairMetric, name="truth-auroc"):
    """Area under the ROC curve of the generated change, with its sign, as a detector of the true.

    Of the voxels in the source's head, those of the 5% largest simulated changes are to be found:
    increases by the largest generated increases, decreases by the largest generated decreases; the
    mean of both. No change and random changes score 0.5, the opposite change 0.
    """

    family = "truth"
    higher_is_better = True
    citation = (
        "Hanley and McNeil 1982, Radiology 143(1):29; the change as in Longitudinal4DMed, "
        "with its sign"
    )
    parameters = MappingProxyType({"largest": LARGEST, "over": "both signs", **HEAD})
    mask: ClassVar[str] = Region.HEAD.value

    @property
    def title(self) -> str:
        """Name with the threshold and the mask."""
        return (
            f"AUROC of the true change [of the {LARGEST:.0%} largest, mean of both signs, source's "
            "head]"
        )

    def __call__(
        self, *, generated: Scan, reference: Scan, source: Scan, interval_years: float
    ) -> float:
        """Score one generated volume.

        Raises:
            MetricError: There is no truth, the shapes differ, no head is found, or nothing changes.
        """
        true = true_change(reference, source)
        made, large = generated_change(generated, source), largest_change(true)
        sides = [(sign * made, large & (sign * true > 0)) for sign in (1, -1)]
        found = [auroc(values, side) for values, side in sides if side.any() and not side.all()]
        if not found:
            raise MetricError("the anatomy does not change")
        return float(np.mean(found))


def auroc(values: Values, positive: Mask) -> float:
    """Probability that a positive has a larger value than a negative, ties half.

    The Mann-Whitney statistic from mid-ranks: exact with ties.

    Args:
        values: (n,).
        positive: Which of them are positives, (n,); some, not all.
    """
    count = int(positive.sum())
    above = stats.rankdata(values)[positive].sum() - count * (count + 1) / 2
    return float(above / (count * (len(values) - count)))
