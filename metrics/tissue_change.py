"""Annual change of a structure's volume, measured in the same way on generated and real follow-ups.

For each structure three metrics: ``ventricles-bias`` (is the change too fast or too slow on
average?), ``ventricles-error`` (how large is the error for a subject?) and
``ventricles-correlation`` (does it distinguish subjects with fast change from others?).
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from longibench.metrics.allowed import Allowed
from longibench.metrics.correlation import correlation
from longibench.metrics.detectable import UNDETECTABLE, smallest_change
from longibench.metrics.metric import (
    Features,
    Metric,
    MetricError,
    PairMetric,
    Scan,
    SetMetric,
    TooFewVolumes,
)
from longibench.metrics.structures import STRUCTURES

# Whole brains grow by 1% a year at the age of 9 and shrink by 0.2 to 0.5% in adults (Hedman et al.
# 2012, Human Brain Mapping 33(8):1987, 56 studies), by 1% in very mild dementia (Fotenos et al.
# 2005, Neurology 64(6):1032) and by 2 to 3% in Alzheimer's disease (Fox and Schott 2004, Lancet
# 363(9406):392). A change nearly twice as fast is an error of the measurement.
FASTEST_BRAIN = 5.0  # % a year, growing or shrinking
REPEATED_SCAN = 2.0  # %: two scans of one day may differ by it, whatever the rate that results
PERCENT_A_YEAR = "% of the source a year"  # how these metrics define change


@dataclass(frozen=True)
class Structure:
    """A structure and how its volume is measured.

    Attributes:
        name: First part of its metrics' names.
        title: What it is in tables.
        measured_by: The segmentation, for the title's brackets; empty for the embedded one.
        volume: Its volume in ml; 0 if it is absent; raises ``MetricError`` if it cannot be
            measured.
        uses_segmentation: Whether the embedded segmentation measures it.
        parameters: What else defines it.
        fastest: Largest change of a person, in % a year; a real pair beyond it is doubtful.
    """

    name: str
    title: str
    measured_by: str
    volume: Callable[[Allowed, Scan], float]
    uses_segmentation: bool = False
    parameters: Mapping[str, Any] = field(default_factory=dict)
    fastest: float = math.inf


class _TissueChange(Metric):
    """Base class of the metrics of one structure."""

    family = "change"
    citation = "this suite; annualised percent change as in Jack et al. 2004, Neurology 62(4):591"
    structure: ClassVar[Structure]
    quantity: ClassVar[str]

    @property
    def title(self) -> str:
        """Name with what is compared and the segmentation."""
        structure = self.structure
        measured_by = structure.measured_by or self.instruments.segmentation_title
        return f"{structure.title}, {self.quantity} [{measured_by}]"

    def rate(self, scan: Scan, source: Scan, interval_years: float) -> float:
        """Change since the source in percent of the source's volume per year.

        Raises:
            MetricError: The structure is not in the source or cannot be measured, or no time
                has passed.
        """
        if interval_years <= 0:
            raise MetricError(f"no annual change over an interval of {interval_years:g} years")
        before, after = (self.structure.volume(self.instruments, s) for s in (source, scan))
        if before <= 0:
            raise MetricError(
                f"no change in percent: no {self.structure.title} found in the source"
            )
        return 100 * (after - before) / before / interval_years


class ChangeBias(_TissueChange, PairMetric):
    """Annual change of a structure's volume, generated minus real.

    Above 0 the structure grows too fast or shrinks too slowly. Errors of both directions cancel: a
    constant offset of everybody's ventricles, whatever the person and the interval, comes near 0.
    """

    higher_is_better = False
    best: ClassVar[float | None] = 0.0
    unit = "%/year"
    decimals = 2
    quantity = "bias of annual change"

    def __call__(
        self, *, generated: Scan, reference: Scan, source: Scan, interval_years: float
    ) -> float:
        """Score one generated volume, in percent of the source's volume per year.

        Raises:
            MetricError: No time has passed, or the structure cannot be measured.
        """
        made, true = (self.rate(scan, source, interval_years) for scan in (generated, reference))
        return made - true

    def doubt(self, *, reference: Scan, source: Scan, interval_years: float) -> str:
        """Whether the real structure changes faster than a person's, or too little to be measured.

        See ``FASTEST_BRAIN`` and ``metrics.detectable``.
        """
        smallest, fastest = self._smallest(source), self.structure.fastest
        if math.isinf(fastest) and math.isnan(smallest):
            return ""
        change = abs(self.rate(reference, source, interval_years)) * interval_years
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


class ChangeError(ChangeBias):
    """Annual change of a structure's volume, absolute difference of generated and real."""

    best = None
    quantity = "error of annual change"

    def __call__(
        self, *, generated: Scan, reference: Scan, source: Scan, interval_years: float
    ) -> float:
        """Score one generated volume, in percent of the source's volume per year.

        Raises:
            MetricError: No time has passed, or the structure cannot be measured.
        """
        return abs(
            super().__call__(
                generated=generated,
                reference=reference,
                source=source,
                interval_years=interval_years,
            )
        )


class ChangeRateCorrelation(_TissueChange, SetMetric):
    """Pearson's correlation of generated with real annual change, over all follow-up visits.

    Each visit is a point, so that a subject with many visits counts more; the interval is that of
    the jackknife over subjects. It does not detect bias: half the true change everywhere correlates
    perfectly.
    """

    higher_is_better = True
    quantity = "correlation of annual change"

    def features(self, scan: Scan, *, source: Scan, interval_years: float) -> Features:
        """Annual change (1,) in percent of the source's volume.

        Raises:
            MetricError: No time has passed, or the structure cannot be measured.
        """
        return np.array([self.rate(scan, source, interval_years)])

    def __call__(self, *, generated: Features, reference: Features) -> float:
        """Correlate annual changes, (N, 1) each.

        Raises:
            TooFewVolumes: Fewer than three, which any line would fit.
            MetricError: One side is constant, as with a copy.
        """
        if len(generated) < 3:
            raise TooFewVolumes(
                f"a correlation needs at least 3 volumes; there are {len(generated)}"
            )
        return correlation(generated[:, 0], reference[:, 0], "change")


KINDS: dict[str, type[Any]] = {
    "bias": ChangeBias,
    "error": ChangeError,
    "correlation": ChangeRateCorrelation,
}


def register(structure: Structure) -> None:
    """Register the three metrics of a structure as ``<structure>-bias`` and so on."""
    for suffix, base in KINDS.items():
        name = f"{structure.name}-{suffix}"
        attributes = {
            "structure": structure,
            "parameters": {
                "structure": structure.name,
                "change": PERCENT_A_YEAR,
                **structure.parameters,
            },
            "uses_segmentation": structure.uses_segmentation,
            "__doc__": base.__doc__,
            "__module__": structure.volume.__module__,
        }
        type(name.title().replace("-", ""), (base,), attributes, name=name)


def embedded(name: str) -> Structure:
    """A structure of the embedded segmentation, one of ``STRUCTURES``."""
    titles = {
        "grey": "Grey matter", "white": "White matter", "csf": "CSF", "hippocampus": "Hippocampi"
    }  # fmt: skip
    title = titles.get(name, name.capitalize())

    def volume(instruments: Allowed, scan: Scan) -> float:
        found = instruments.volumes(scan)[name]
        if math.isnan(found):
            raise MetricError(
                f"{instruments.segmentation_title} does not measure {title.lower()}; "
                "metrics.segmentation=embedded does"
            )
        return found

    fastest = FASTEST_BRAIN if name == "brain" else math.inf
    return Structure(name, title, "", volume, uses_segmentation=True, fastest=fastest)


for _name in STRUCTURES:
    register(embedded(_name))
