"""What metrics measure with: the feature extractor and the tissue segmentation, loaded once."""

import threading
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from metrics.cache import Vector, VectorCache
from metrics.extractors import Extractor, extractor, extractor_title
from metrics.scan import Scan

if TYPE_CHECKING:
    from metrics.anatomy import Reading

EMBEDDED = "embedded"  # the extractor that comes with the project; see docs/anatomy.md
STRUCTURES = ("brain", "grey", "white", "csf", "ventricles")


class Instruments:
    """Shared by all metrics of a protocol; nothing is read or downloaded before it is needed.

    Attributes:
        weights: The extractor's weights, such as ``embedded`` or ``medicalnet:50``.
        convention: How volumes are presented to the extractor; see ``metrics.extractors``.
    """

    def __init__(
        self, weights: str = EMBEDDED, convention: str = "as-is", cache: VectorCache | None = None
    ) -> None:
        """Args: weights and convention of the extractor, and where vectors are kept."""
        self.weights = weights
        self.convention = convention
        self._cache = cache or VectorCache()
        self._loading = threading.Lock()  # volumes are scored in several threads

    @cached_property
    def title(self) -> str:
        """Network, weights and input convention of the extractor, for a metric's name.

        Raises:
            WeightsError: The weights are not understood, or their file is not there.
        """
        return extractor_title(self.weights, self.convention)

    def load(self) -> None:
        """Get the extractor, downloading it where that is asked for.

        Raises:
            WeightsError: The weights cannot be had, or are not what they should be.
        """
        _ = self.extractor

    @property
    def extractor(self) -> Extractor:
        """The feature extractor."""
        with self._loading:
            return self._extractor

    @cached_property
    def _extractor(self) -> Extractor:
        return extractor(self.weights, self.convention)

    @property
    def _anatomy(self) -> Any:
        with self._loading:
            return self._anatomy_network

    @cached_property
    def _anatomy_network(self) -> Any:
        from metrics.anatomy import load_embedded

        return load_embedded()

    def features(self, scan: Scan) -> Vector:
        """Pooled features (d,) of a volume."""
        made_by = f"{self.title}, {'real' if scan.real else 'generated'}"
        return self._vector(scan, made_by, lambda: self.extractor.pooled(scan))

    def feature_maps(self, scan: Scan) -> tuple[Any, ...]:
        """Maps (C, x, y, z) of the extractor's stages, from fine to coarse."""
        return scan.derive(f"maps {self.title}", self.extractor.maps)

    def volumes(self, scan: Scan) -> dict[str, float]:
        """Volumes of ``STRUCTURES`` in ml, by the embedded segmentation."""
        vector = self._vector(scan, "embedded anatomy", lambda: self._volumes(scan))
        return dict(zip(STRUCTURES, vector.tolist(), strict=True))

    def _volumes(self, scan: Scan) -> Vector:
        from metrics.anatomy import tissue_volumes

        found = tissue_volumes(self.reading(scan).probabilities, scan.spacing_mm)
        return np.array([found[name] for name in STRUCTURES])

    def reading(self, scan: Scan) -> "Reading":
        """What the embedded network makes of a scan: features and tissue, in one pass."""
        from metrics.anatomy import read

        return scan.derive("anatomy", lambda s: read(self._anatomy, s.voxels, s.spacing_mm))

    def _vector(self, scan: Scan, what: str, compute: Any) -> Vector:
        return scan.derive(what, lambda _: self._cache.get(f"{what} {scan.content}", compute))
