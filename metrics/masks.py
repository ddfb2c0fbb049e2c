"""The region of a volume that a metric uses."""

from enum import Enum
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from longibench.metrics.metric import MetricError, Scan, Volume
from longibench.metrics.pairs import Values

Mask = NDArray[np.bool_]


PERCENTILES = (2, 98)
SHARE = 0.1  # of the way between them
HEAD = MappingProxyType({"head": {"percentiles": list(PERCENTILES), "share": SHARE}})
"""How the head is found, for the definition of a metric that uses it."""


class Region(Enum):
    """The part of the volume that is compared; its value is its name in titles."""

    WHOLE = "whole volume"
    HEAD = "source's head"

    def of(self, quantity: Values, source: Scan) -> Values:
        """A quantity's values (n,) in this region, from its map (X, Y, Z).

        Raises:
            MetricError: No head is found in the source.
        """
        return quantity.ravel() if self is Region.WHOLE else quantity[source_mask(source)]


def source_mask(source: Scan) -> Mask:
    """The head mask of a source, computed once; see ``head_mask``.

    Raises:
        MetricError: Nothing differs from the background.
    """
    return source.derive("head mask", lambda scan: head_mask(scan.voxels))


def head_mask(source: Volume) -> Mask:
    """Mask the head, or the brain if the skull was removed.

    Threshold between air and tissue at a tenth of the way from the 2nd to the 98th percentile
    (Smith 2002, Fast robust automated brain extraction, Human Brain Mapping 17:143),
    largest connected component, holes filled.

    Args:
        source: The real first visit, (X, Y, Z), any monotone intensity scale.

    Returns:
        The mask, (X, Y, Z).

    Raises:
        MetricError: Nothing differs from the background.
    """
    low, high = np.percentile(source, PERCENTILES)
    foreground = source > low + SHARE * (high - low)
    if not foreground.any():
        raise MetricError("no head found in the source: its intensities are constant")
    components, _ = ndimage.label(foreground)
    sizes = np.bincount(components.ravel())
    sizes[0] = 0  # the background
    return np.asarray(ndimage.binary_fill_holes(components == sizes.argmax()))
