"""What metrics measure with: the feature extractor and the tissue segmentation, loaded once."""

import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch

from longibench.metrics.cache import Recent, Vector, VectorCache
from longibench.metrics.conventions import find_convention
from longibench.metrics.extractors import (
    AnatomyExtractor,
    Extractor,
    extractor,
    extractor_definition,
    extractor_title,
)
from longibench.metrics.scan import Scan
from longibench.metrics.structures import STRUCTURES
from longibench.metrics.weights import EMBEDDED, parse_segmentation

if TYPE_CHECKING:
    from longibench.metrics.anatomy import Reading

T = TypeVar("T")

PREPARED = 2  # generated against real volumes, and real against real


@dataclass(frozen=True)
class Code:
    """Digests of the code that measures: stored vectors are reused only with the same code."""

    features: str = ""
    segmentation: str = ""


def unidentified(weights: str) -> Code:
    """No digests, for vectors that are not kept beyond this process."""
    return Code()


class Instruments:
    """Shared by all metrics of a protocol; nothing is read or downloaded before it is needed.

    Attributes:
        weights: The extractor's weights, such as ``embedded`` or ``medicalnet:50``.
        convention: How volumes are presented to the extractor; see ``metrics.conventions``.
        segmentation: Weights of the segmentation, such as ``embedded:1``.
        device: Device of the networks.
        code: Part of the key of a stored vector.
        prepared: What metrics on the same features compute once.
    """

    def __init__(
        self,
        weights: str = EMBEDDED,
        convention: str = "as-is",
        cache: VectorCache | None = None,
        device: str | torch.device = "cpu",
        code: Callable[[str], Code] = unidentified,
        segmentation: str = EMBEDDED,
    ) -> None:
        """Args: the attributes, where vectors are stored, and the code by an extractor's weights.

        Raises:
            WeightsError: ``code`` cannot parse the weights, or the segmentation is none.
        """
        self.segmentation = segmentation
        self._segments = parse_segmentation(segmentation)
        self.weights = weights
        self.convention = convention
        self.device = torch.device(device)
        self.code = code(weights)
        self._code = code
        self._cache = cache or VectorCache()
        self._parent: Instruments | None = None  # which shares its segmentation
        self._others: dict[str, Instruments] = {}
        self.prepared = Recent(PREPARED)
        self._loading = threading.RLock()  # volumes are scored in several threads

    def with_extractor(self, weights: str) -> "Instruments":
        """These with another extractor, for volumes as they are; the same ones at every call.

        Raises:
            WeightsError: The weights cannot be parsed.
        """
        if (weights, "as-is") == (self.weights, find_convention(self.convention).name):
            return self
        with self._loading:
            if weights not in self._others:
                other = type(self)(
                    weights, "as-is", self._cache, self.device, self._code, self.segmentation
                )
                other._parent = self
                self._others[weights] = other
            return self._others[weights]

    @cached_property
    def title(self) -> str:
        """Network, weights and input convention of the extractor, for a metric's title.

        Raises:
            WeightsError: The weights cannot be parsed, or their file does not exist.
        """
        return extractor_title(self.weights, self.convention)

    @cached_property
    def extractor_definition(self) -> dict[str, Any]:
        """Network, weights and input convention of the extractor, as JSON values.

        Raises:
            WeightsError: As ``title``.
        """
        return extractor_definition(self.weights, self.convention)

    @cached_property
    def segmentation_definition(self) -> dict[str, Any]:
        """Network and weights of the segmentation, as JSON values."""
        return extractor_definition(self.segmentation, "as-is")

    @property
    def segmentation_title(self) -> str:
        """Name and version of the segmentation, for a metric's title."""
        return self._segments.segmentation_title

    def load(self) -> None:
        """Load the extractor, and download it if the weights require it.

        Raises:
            WeightsError: The weights cannot be obtained or verified.
        """
        _ = self.extractor

    @property
    def extractor(self) -> Extractor:
        """The feature extractor."""
        with self._loading:
            return self._extractor

    @cached_property
    def _extractor(self) -> Extractor:
        if self.extractor_definition == self.segmentation_definition:
            return self._anatomy  # loaded once for features and segmentation
        return extractor(self.weights, self.convention, self.device)

    @property
    def anatomy(self) -> AnatomyExtractor:
        """The embedded network, for its segmentation."""
        with self._loading:
            return self._anatomy

    @cached_property
    def _anatomy(self) -> AnatomyExtractor:
        if self._parent:
            return self._parent.anatomy
        return AnatomyExtractor(self._segments, self.device)

    def features(self, scan: Scan) -> Vector:
        """Pooled features (d,) of a volume, stored by its content, extractor and convention."""
        unlike = find_convention(self.convention).real_differs and not scan.real
        made_by = ("features", self._extractor_key, self.code.features, unlike)
        return self._vector(scan, made_by, lambda: self.extractor.pooled(scan))

    def feature_maps(self, scan: Scan) -> tuple[Any, ...]:
        """Maps (C, x, y, z) of the extractor's stages, from fine to coarse."""
        return scan.derive(("maps", self._extractor_key), self.extractor.maps)

    def volumes(self, scan: Scan) -> dict[str, float]:
        """Volumes of ``STRUCTURES`` in ml, by the segmentation; NaN for what it does not find."""
        made_by = ("volumes", repr(self.segmentation_definition), self.code.segmentation)
        vector = self._vector(scan, made_by, lambda: self._volumes(scan))
        return dict(zip(STRUCTURES, vector.tolist(), strict=True))

    def _volumes(self, scan: Scan) -> Vector:
        found = self.reading(scan).volumes
        return np.array([found.get(name, np.nan) for name in STRUCTURES])

    def reading(self, scan: Scan) -> "Reading":
        """Features and tissue of a scan by the embedded network, in one forward pass."""
        return self.anatomy.reading(scan)

    @property
    def _extractor_key(self) -> str:
        return repr(self.extractor_definition)

    def _vector(
        self, scan: Scan, what: tuple[Hashable, ...], compute: Callable[[], Vector]
    ) -> Vector:
        def find(scan: Scan) -> Vector:
            return self._cache.get(repr((*what, scan.content)), compute)

        return scan.derive(what, find)
