"""Error of the true change of a structure's volume, found by the segmentation."""

from types import MappingProxyType
from typing import Any, ClassVar

from longibench.metrics.metric import MetricError, PairMetric, Scan
from longibench.metrics.true_change import truth_of


class _TruthVolume(PairMetric):
    """Absolute error of a change in ml, against the one that was simulated.

    The change is measured by the embedded segmentation on generated volume and source; the true
    change is that of the simulated volumes. The segmentation's own error is what the real follow-up
    scores.
    """

    family = "truth"
    higher_is_better = False
    unit = "ml"
    decimals = 2
    citation = "this suite: against the simulated volumes"
    uses_segmentation = True
    structure: ClassVar[str]
    simulated: ClassVar[str]
    shown: ClassVar[str]

    @property
    def title(self) -> str:
        """Name with the segmentation."""
        by = self.instruments.segmentation_title
        return f"{self.shown}, error of the true change of volume [{by}]"

    def __call__(
        self, *, generated: Scan, reference: Scan, source: Scan, interval_years: float
    ) -> float:
        """Score one generated volume, in ml.

        Raises:
            MetricError: There is no truth, or not of this structure.
        """
        after, before = (self._true(scan) for scan in (reference, source))
        found, at_source = (
            self.instruments.volumes(scan)[self.structure] for scan in (generated, source)
        )
        return float(abs((found - at_source) - (after - before)))

    def _true(self, scan: Scan) -> float:
        volumes = truth_of(scan).volumes_ml
        if self.simulated not in volumes:
            raise MetricError(f"the truth has no volume of the {self.simulated}")
        return volumes[self.simulated]


def _parameters(structure: str, simulated: str) -> MappingProxyType[str, Any]:
    return MappingProxyType({"structure": structure, "simulated": simulated, "change": "ml"})


class TruthVentricles(_TruthVolume, name="truth-ventricles"):
    """Error of the ventricles' growth in ml, against the simulated one."""

    structure, simulated, shown = "ventricles", "ventricle", "Ventricles"
    parameters = _parameters("ventricles", "ventricle")


class TruthBrain(_TruthVolume, name="truth-brain"):
    """Error of the brain's loss in ml, against the simulated one."""

    structure, simulated, shown = "brain", "brain", "Brain"
    parameters = _parameters("brain", "brain")
