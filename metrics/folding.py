"""Does a declared deformation fold?"""

from types import MappingProxyType
from typing import ClassVar

import numpy as np

from longibench.metrics.jacobian import declared, determinant
from longibench.metrics.masks import HEAD, Region, source_mask
from longibench.metrics.metric import PairMetric, Scan


class Folding(PairMetric, name="folding"):
    """Share of voxels where a declared deformation folds: its Jacobian is not positive.

    Of the source's head, in percent. Only for methods that declare a deformation; ask for it by
    name. It needs no truth, but has no value elsewhere either, because only the phantom is scored
    by this family.
    """

    family = "truth"
    higher_is_better = False
    unit = "%"
    decimals = 3
    citation = "Ashburner 2007, doi:10.1016/j.neuroimage.2007.07.007: positive Jacobians"
    parameters = MappingProxyType({"differences": "central", **HEAD})
    mask: ClassVar[str] = Region.HEAD.value

    @property
    def title(self) -> str:
        """Name with the mask."""
        return "Folding of the declared deformation [Jacobian at most 0, source's head]"

    def __call__(
        self, *, generated: Scan, reference: Scan, source: Scan, interval_years: float
    ) -> float:
        """Score one declared deformation, in percent of the voxels.

        Raises:
            MetricError: No deformation is declared, or no head is found in the source.
        """
        jacobian = determinant(declared(generated), source.spacing_mm)
        return float(100 * np.mean(jacobian[source_mask(source)] <= 0))
