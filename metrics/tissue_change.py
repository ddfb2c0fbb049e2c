"""The metrics of change of each structure, and the structures of the embedded segmentation."""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from longibench.metrics import courses
from longibench.metrics.allowed import Allowed
from longibench.metrics.metric import MetricError, Scan
from longibench.metrics.structures import STRUCTURES
from longibench.metrics.tissue import Structure
from longibench.metrics.total_change import (
    FASTEST_BRAIN,
    AbsoluteChangeError,
    RelativeChangeError,
)

KINDS: Mapping[str, type[Any]] = MappingProxyType(
    {
        "change-error": RelativeChangeError,
        "change-error-ml": AbsoluteChangeError,
        **courses.KINDS,
    }
)


def register(structure: Structure) -> None:
    """Register the metrics of a structure as ``<structure>-change-error`` and so on."""
    for suffix, base in KINDS.items():
        name = f"{structure.name}-{suffix}"
        attributes = {
            "structure": structure,
            "parameters": {
                "structure": structure.name,
                **base.defined_by,
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
