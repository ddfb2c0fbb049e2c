"""Does a declared deformation shrink and expand the tissue that the simulation did?"""

from types import MappingProxyType
from typing import ClassVar

import numpy as np

from longibench.metrics.jacobian import LEAST, declared, log_determinant
from longibench.metrics.masks import HEAD, Region, source_mask
from longibench.metrics.metric import MetricError, PairMetric, Scan
from longibench.metrics.true_change import truth_of


class TruthLogJacobian(PairMetric, name="truth-log-jacobian"):
    """Mean absolute difference of the log Jacobians of declared and simulated deformation.

    Over the source's head. Only for methods that declare a deformation; ask for it by name. A
    declared identity scores the mean absolute log Jacobian of the simulated deformation.
    """

    family = "truth"
    higher_is_better = False
    decimals = 4
    citation = "Leow et al. 2007, doi:10.1109/TMI.2007.892646: log Jacobians"
    parameters = MappingProxyType({"differences": "central", "least": LEAST, **HEAD})
    mask: ClassVar[str] = Region.HEAD.value

    @property
    def title(self) -> str:
        """Name with the mask."""
        return "Error of the log Jacobian [against the true deformation, source's head]"

    def __call__(
        self, *, generated: Scan, reference: Scan, source: Scan, interval_years: float
    ) -> float:
        """Score one declared deformation.

        Raises:
            MetricError: No deformation is declared, there is no true one, or no head is found in
                the source.
        """
        made, true = declared(generated), truth_of(reference).displacement
        if true is None:
            raise MetricError("the truth has no deformation of this visit")
        logs = [log_determinant(field, source.spacing_mm) for field in (made, true)]
        return float(np.abs(logs[0] - logs[1])[source_mask(source)].mean())
