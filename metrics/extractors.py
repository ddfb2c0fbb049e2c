"""From a volume to the features that set metrics compare."""

from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from metrics.medicalnet import MedicalNet
from metrics.scan import Scan
from metrics.weights import parse

Features = NDArray[np.float64]
Map = NDArray[np.float32]


class Extractor(Protocol):
    """Anything that turns a volume into features."""

    def pooled(self, scan: Scan) -> Features:
        """Features (d,) in float64 of one volume."""

    def maps(self, scan: Scan) -> tuple[Map, ...]:
        """Maps (C, x, y, z) of its stages, from fine to coarse."""


class MedicalNetExtractor:
    """Features of a 3D ResNet.

    The volume goes in as it stands, in [-1, 1], neither resized nor standardised, and comes out
    of global average pooling of the last layer: the convention of HA-GAN's evaluation (Sun et al.
    2022, doi:10.1109/JBHI.2022.3172976). Others (z-score, [0, 1]) give other distances.
    """

    def __init__(self, network: MedicalNet, device: torch.device) -> None:
        """Args: a network in evaluation mode, and where it computes."""
        self._network = network.to(device)
        self._device = device

    @torch.inference_mode()
    def pooled(self, scan: Scan) -> Features:
        """Features (d,) in float64 of one volume."""
        return self._run(self._network, scan)[0].double().cpu().numpy()

    @torch.inference_mode()
    def maps(self, scan: Scan) -> tuple[Map, ...]:
        """The last layer's map (d, X / 8, Y / 8, Z / 8)."""
        return (self._run(self._network.feature_map, scan)[0].cpu().numpy(),)

    def _run(self, function: Any, scan: Scan) -> Any:
        voxels = np.asarray(scan.voxels, dtype=np.float32)
        batch = torch.tensor(voxels, device=self._device)[None, None]
        # cuDNN would round convolutions to TF32's 10 bits, and values would depend on the device.
        with torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):
            return function(batch)


def extractor_title(weights: str, convention: str) -> str:
    """Name of an extractor, without loading it.

    Raises:
        WeightsError: The weights are not understood, or their file is not there.
    """
    return parse(weights).title


def extractor(weights: str, convention: str) -> Extractor:
    """Build an extractor on the GPU, if there is one.

    Args:
        weights: What ``metrics.weights.parse`` understands, such as ``"random:0"``.
        convention: How volumes are presented to it.

    Raises:
        WeightsError: The weights are not understood, cannot be had, or are not what they should be.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return MedicalNetExtractor(parse(weights).network(), device)
