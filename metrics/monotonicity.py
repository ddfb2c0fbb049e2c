"""Do the generated ventricles change in the true direction from visit to visit?"""

from types import MappingProxyType

import numpy as np

from longibench.metrics.metric import Features, MetricError, Scan, SubjectMetric


class Monotonicity(SubjectMetric, name="monotonicity"):
    """Share of steps from visit to visit at which the ventricles change in the true direction.

    Ventricles widen with age, so that a true course is nearly always monotone; if the measured one
    is not, the generated one is still compared with it, so that the truth scores 1. Independent
    volumes score about 0.5. No change has no direction: copies score 0.
    """

    family = "change"
    higher_is_better = True
    citation = "this suite; volumes by the embedded segmentation"

    parameters = MappingProxyType({"structure": "ventricles"})
    uses_segmentation = True

    @property
    def title(self) -> str:
        """Name with what is counted and the segmentation."""
        return (
            "Monotonicity [share of steps between visits, source first, in the true direction; "
            f"ventricles by the {self.instruments.segmentation_title}]"
        )

    def features(self, scan: Scan, *, source: Scan, interval_years: float) -> Features:
        """Ventricles of the volume and of its source in ml, (2,)."""
        return np.array([self.instruments.volumes(s)["ventricles"] for s in (scan, source)])

    def __call__(
        self, *, generated: Features, reference: Features, interval_years: Features
    ) -> float:
        """Score one subject by volumes (V, 2); the first step is from the source.

        Raises:
            MetricError: There is no visit, or the true ventricles never change.
        """
        if len(generated) == 0:
            raise MetricError("no visit after the source")
        made, true = directions(generated), directions(reference)
        steps = true != 0
        if not steps.any():
            raise MetricError("the true ventricles never change")
        return float(np.mean(made[steps] == true[steps]))


def directions(features: Features) -> Features:
    """Signs (V,) of the steps from the source to the first visit and on, from features (V, 2)."""
    course = np.concatenate([features[:1, 1], features[:, 0]])
    return np.sign(np.diff(course))
