"""From a volume to the features that set metrics compare."""

import numpy as np
import torch

from metrics.medicalnet import MedicalNet
from metrics.metric import Features, Volume
from metrics.weights import parse


class Extractor:
    """Pooled features of a volume.

    The volume goes in as it stands, in [-1, 1], neither resized nor standardised, and comes out
    of global average pooling of the last layer: the convention of HA-GAN's evaluation (Sun et al.
    2022, doi:10.1109/JBHI.2022.3172976). Others (z-score, [0, 1]) give other distances.
    """

    def __init__(self, network: MedicalNet, device: torch.device) -> None:
        """Args: a network in evaluation mode, and where it computes."""
        self._network = network.to(device)
        self._device = device

    @torch.inference_mode()
    def __call__(self, volume: Volume) -> Features:
        """Features (d,) in float64 of one volume, (X, Y, Z) in [-1, 1]."""
        batch = torch.tensor(np.asarray(volume, dtype=np.float32), device=self._device)[None, None]
        # cuDNN would round convolutions to TF32's 10 bits, and values would depend on the device.
        with torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):
            features = self._network(batch)[0]
        return features.double().cpu().numpy()


def extractor(weights: str) -> Extractor:
    """Build an extractor on the GPU, if there is one.

    Args:
        weights: What ``metrics.weights.parse`` understands, such as ``"random:0"``.

    Raises:
        WeightsError: The weights are not understood, cannot be had, or are not what they should be.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return Extractor(parse(weights).network(), device)
