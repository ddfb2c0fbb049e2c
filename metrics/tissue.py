"""A structure whose volume is measured, and what its metrics of change have in common."""

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

from longibench.metrics.allowed import Allowed
from longibench.metrics.metric import Metric, MetricError, Scan


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


class ForecastScan(Scan):
    """A follow-up of which volumes of structures were forecast, without an image.

    Attributes:
        volumes_ml: By name of the structure; NaN where there is no forecast.
    """

    def __init__(self, source: Scan, volumes_ml: Mapping[str, float]) -> None:
        """Args: the source, whose voxels it has, and the volumes."""
        super().__init__(source.voxels, source.spacing_mm, real=False)
        self.volumes_ml = volumes_ml

    @cached_property
    def content(self) -> str:
        """Digest of the volumes."""
        return hashlib.sha256(repr(sorted(self.volumes_ml.items())).encode()).hexdigest()

    def volume(self, structure: Structure) -> float:
        """Forecast volume of a structure in ml.

        Raises:
            MetricError: There is none.
        """
        found = self.volumes_ml.get(structure.name, math.nan)
        if math.isnan(found):
            raise MetricError(f"no forecast of {structure.title.lower()}")
        return found


class TissueMetric(Metric):
    """Base class of the metrics of one structure, generated and real measured in the same way.

    Attributes:
        structure: What is measured.
        quantity: What is compared, for the title.
        defined_by: What defines the quantity, for ``parameters``.
    """

    family = "change"
    citation = "this suite"
    structure: ClassVar[Structure]
    quantity: ClassVar[str]
    defined_by: ClassVar[Mapping[str, Any]]

    @property
    def title(self) -> str:
        """Name with what is compared and the segmentation."""
        structure = self.structure
        measured_by = structure.measured_by or self.instruments.segmentation_title
        return f"{structure.title}, {self.quantity} [{measured_by}]"

    def volume(self, scan: Scan) -> float:
        """Volume of the structure in ml: measured, or as it was forecast.

        Raises:
            MetricError: It cannot be measured, or was not forecast.
        """
        if isinstance(scan, ForecastScan):
            return scan.volume(self.structure)
        return self.structure.volume(self.instruments, scan)

    def volume_of_source(self, source: Scan) -> float:
        """Volume of the structure in the source in ml, above 0.

        Raises:
            MetricError: It is not in the source, or cannot be measured.
        """
        found = self.volume(source)
        if found <= 0:
            raise MetricError(f"no {self.structure.title} found in the source")
        return found
