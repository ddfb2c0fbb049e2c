"""LPIPS (Zhang et al. 2018) on the slices of three planes, in many papers called LPIPS in 3D."""

from collections.abc import Callable, Iterator
from functools import cached_property
from importlib import import_module
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor

from longibench.metrics.metric import MetricError, PairMetric, Scan, Volume
from longibench.metrics.pairs import same_shape

NETWORK = "squeeze"
SLICES = 16  # per batch: limits memory
SHORTEST = 17  # voxels per side of a slice that SqueezeNet can pool

HOW_TO = (
    "lpips-2.5d needs the packages lpips and torchvision (pip install lpips torchvision) and "
    "SqueezeNet's weights, which torchvision downloads once into ~/.cache/torch/hub/checkpoints; "
    "without internet copy squeezenet1_1-b8a52dc0.pth from download.pytorch.org/models there"
)

Backbone = Callable[[Tensor, Tensor], Tensor]
"""Distances (n, 1, 1, 1) of two batches of slices, (n, 3, height, width) in [-1, 1]."""


class LPIPS25D(PairMetric, name="lpips-2.5d"):
    """LPIPS of corresponding slices, averaged over each plane and summed over the three.

    As MONAI's ``PerceptualLoss`` with ``is_fake_3d``, but of all slices: MONAI selects half of them
    at random. Empty slices count as equal and lower the value. The network was trained on
    photographs.
    """

    higher_is_better = False
    decimals = 4
    citation = "Zhang et al. 2018, arXiv:1801.03924, and monai.losses.PerceptualLoss for the planes"

    parameters = MappingProxyType({"network": NETWORK, "lpips": "0.1", "planes": 3})

    @property
    def title(self) -> str:
        """Name with network, weights and planes."""
        return "LPIPS 2.5D [SqueezeNet 1.1 of ImageNet, lpips v0.1, sum of 3 planes, all slices]"

    def __call__(
        self, *, generated: Scan, reference: Scan, source: Scan, interval_years: float
    ) -> float:
        """Score one generated volume; the source is not used.

        Raises:
            MetricError: The shapes differ, a side is too short, or the network cannot be loaded;
                the message explains how to get it.
        """
        same_shape(generated, reference)
        if min(generated.shape) < SHORTEST:
            raise MetricError(
                f"SqueezeNet needs {SHORTEST} voxels per side; a volume of {generated.shape} is "
                "too small for it"
            )
        return planes_distance(generated.voxels, reference.voxels, self.backbone)

    def prepare(self) -> None:
        """Load the network.

        Raises:
            MetricError: A package or the weights are missing.
        """
        _ = self.backbone

    @cached_property
    def backbone(self) -> Backbone:
        """The network with LPIPS's weights, loaded once.

        Raises:
            MetricError: A package or the weights are missing.
        """
        try:
            network = import_module("lpips").LPIPS(net=NETWORK, version="0.1", verbose=False)
        except (ImportError, OSError, RuntimeError) as error:  # or torchvision for another torch
            raise MetricError(f"{HOW_TO}: {error}") from error
        trained: Backbone = network.eval()
        return trained


@torch.inference_mode()
def planes_distance(x: Volume, y: Volume, backbone: Backbone) -> float:
    """Sum over the three planes of the mean distance of corresponding slices.

    Args:
        x: (X, Y, Z) in [-1, 1].
        y: Same shape and range.
        backbone: Distances of two batches of slices.
    """
    total = 0.0
    for axis in range(3):
        pairs = zip(slices(x, axis), slices(y, axis), strict=True)
        total += float(torch.cat([backbone(a, b).flatten() for a, b in pairs]).double().mean())
    return total


def slices(volume: Volume, axis: int) -> Iterator[Tensor]:
    """Slices across an axis as grey images, batches (n, 3, height, width)."""
    stack = torch.from_numpy(np.moveaxis(volume, axis, 0).astype(np.float32, order="C"))
    for batch in stack.split(SLICES):
        yield batch[:, None].expand(-1, 3, -1, -1)
