"""What a metric may measure with: the shared instruments, less what it does not declare."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from longibench.metrics.instruments import Instruments
from longibench.metrics.scan import Scan

if TYPE_CHECKING:
    from longibench.metrics.anatomy import Reading


class UndeclaredError(Exception):
    """A metric measures with what its class does not declare."""


@dataclass(frozen=True)
class Allowed:
    """The shared instruments, less what a metric does not declare to use.

    A value is used again while its metric and what that measures with are the same; what is not
    declared would not be missed when it changes.
    """

    shared: Instruments
    _metric: str
    _extractor: bool
    _segmentation: bool

    @classmethod
    def of(
        cls, shared: Instruments | None, metric: str, extractor: bool, segmentation: bool
    ) -> "Allowed":
        """Args: instruments, by default what is embedded; a metric's name and declarations."""
        return cls(shared or Instruments(), metric, extractor, segmentation)

    @property
    def title(self) -> str:
        """Name of the feature extractor, for a metric's title."""
        return self.shared.title

    def features(self, scan: Scan) -> NDArray[np.float64]:
        """Pooled features (d,) of a volume; for metrics with ``uses_extractor``."""
        self._check("uses_extractor", self._extractor)
        return self.shared.features(scan)

    def feature_maps(self, scan: Scan) -> tuple[Any, ...]:
        """Maps (C, x, y, z) of the extractor's stages; for metrics with ``uses_extractor``."""
        self._check("uses_extractor", self._extractor)
        return self.shared.feature_maps(scan)

    def volumes(self, scan: Scan) -> dict[str, float]:
        """Volumes of structures in ml; for metrics with ``uses_segmentation``."""
        self._check("uses_segmentation", self._segmentation)
        return self.shared.volumes(scan)

    def reading(self, scan: Scan) -> "Reading":
        """What the embedded network sees; for metrics with ``uses_segmentation``."""
        self._check("uses_segmentation", self._segmentation)
        return self.shared.reading(scan)

    def _check(self, declaration: str, declared: bool) -> None:
        if not declared:
            raise UndeclaredError(
                f"metric '{self._metric}' measures with what its class does not declare; add "
                f"'{declaration} = True' to it"
            )
