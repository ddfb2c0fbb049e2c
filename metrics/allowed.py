"""What a metric may measure with: those of the shared instruments that it declares."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from longibench.metrics.instruments import Instruments
from longibench.metrics.scan import Scan

if TYPE_CHECKING:
    from longibench.metrics.anatomy import Reading

T = TypeVar("T")


class UndeclaredError(Exception):
    """A metric uses an instrument that its class does not declare."""


@dataclass(frozen=True)
class Allowed:
    """The shared instruments, restricted to those that a metric declares.

    A value is reused while its metric and the metric's instruments are unchanged; changes of an
    undeclared instrument would not be noticed.
    """

    shared: Instruments
    _metric: str
    _extractor: bool
    _segmentation: bool

    @classmethod
    def of(
        cls,
        shared: Instruments | None,
        metric: str,
        extractor: bool,
        segmentation: bool,
        own_extractor: str | None = None,
    ) -> "Allowed":
        """Args: instruments, by default the embedded ones; a metric's name and declarations.

        Raises:
            WeightsError: The weights of its own extractor cannot be parsed.
        """
        shared = shared or Instruments()
        if own_extractor is not None:
            shared = shared.with_extractor(own_extractor)
        return cls(shared, metric, extractor, segmentation)

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

    def prepared(self, key: Hashable, compute: Callable[[], T]) -> T:
        """What metrics on the same features compute once; the key names all that it depends on."""
        return self.shared.prepared.get(key, compute)

    @property
    def segmentation_title(self) -> str:
        """Name and version of the segmentation, for a metric's title."""
        return self.shared.segmentation_title

    def volumes(self, scan: Scan) -> dict[str, float]:
        """Volumes of structures in ml; for metrics with ``uses_segmentation``."""
        self._check("uses_segmentation", self._segmentation)
        return self.shared.volumes(scan)

    def reading(self, scan: Scan) -> "Reading":
        """Output of the embedded network; for metrics with ``uses_segmentation``."""
        self._check("uses_segmentation", self._segmentation)
        return self.shared.reading(scan)

    def _check(self, declaration: str, declared: bool) -> None:
        if not declared:
            raise UndeclaredError(
                f"metric '{self._metric}' uses an instrument that its class does not declare; add "
                f"'{declaration} = True' to it"
            )
