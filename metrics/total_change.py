"""Total change of a structure's volume from the source to a follow-up, for each pair.

The change is not divided by the interval: an offset of all follow-ups, however short the interval,
would count several times as a rate. The reports' strata by interval show the errors year by year.
"""

import math
from types import MappingProxyType

from longibench.metrics.detectable import UNDETECTABLE, smallest_change
from longibench.metrics.metric import PairMetric, Scan
from longibench.metrics.tissue import TissueMetric

# Whole brains grow by 1% a year at the age of 9 and shrink by 0.2 to 0.5% in adults (Hedman et al.
# 2012, Human Brain Mapping 33(8):1987, 56 studies), by 1% in very mild dementia (Fotenos et al.
# 2005, Neurology 64(6):1032) and by 2 to 3% in Alzheimer's disease (Fox and Schott 2004, Lancet
# 363(9406):392). A change nearly twice as fast is an error of the measurement.
FASTEST_BRAIN = 5.0  # % a year, growing or shrinking
REPEATED_SCAN = 2.0  # %: two scans of one day may differ by it, whatever the rate that results
PERCENT = "% of the source"  # how the relative error defines change


class AbsoluteChangeError(TissueMetric, PairMetric):
    """Absolute difference of the generated from the real total change of a structure, in ml.

    A copy of the source scores the size of the real change.
    """

    higher_is_better = False
    unit = "ml"
    decimals = 2
    quantity = "absolute error of total change"
    defined_by = MappingProxyType({"change": "ml"})

    def __call__(
        self, *, generated: Scan, reference: Scan, source: Scan, interval_years: float
    ) -> float:
        """Score one generated volume: the source's volume cancels.

        Raises:
            MetricError: The structure cannot be measured.
        """
        return abs(self.volume(generated) - self.volume(reference))


class RelativeChangeError(AbsoluteChangeError):
    """Absolute difference of generated and real total change, in % of the source's volume.

    A copy of the source scores the size of the real change.
    """

    unit = "% of source"
    quantity = "relative error of total change"
    defined_by = MappingProxyType({"change": PERCENT})

    def __call__(
        self, *, generated: Scan, reference: Scan, source: Scan, interval_years: float
    ) -> float:
        """Score one generated volume.

        Raises:
            MetricError: The structure is not in the source, or cannot be measured.
        """
        error = super().__call__(
            generated=generated, reference=reference, source=source, interval_years=interval_years
        )
        return 100 * error / self.volume_of_source(source)

    def doubt(self, *, reference: Scan, source: Scan, interval_years: float) -> str:
        """Whether the real structure changes faster than a person's, or too little to be measured.

        See ``FASTEST_BRAIN`` and ``metrics.detectable``.
        """
        smallest, fastest = self._smallest(source), self.structure.fastest
        if math.isinf(fastest) and math.isnan(smallest):
            return ""
        before = self.volume_of_source(source)
        change = 100 * abs(self.volume(reference) - before) / before
        name = f"real {self.structure.title.lower()}"
        limit = f"{smallest:.2g}% on voxels of {max(source.spacing_mm):g} mm"
        if change > max(fastest * interval_years, REPEATED_SCAN):
            known = "" if math.isnan(smallest) else f" (no change below {limit} can be detected)"
            return f"the {name} grows or shrinks by over {fastest:g}% a year{known}"
        if change < smallest:
            return f"{UNDETECTABLE}the change of the {name} is below {limit}"
        return ""

    def _smallest(self, source: Scan) -> float:
        """The smallest detectable change in percent; NaN if it was not measured."""
        weights = self.definition.get("segmentation", {}).get("weights", "")
        return smallest_change(self.structure.name, source.spacing_mm, weights)
