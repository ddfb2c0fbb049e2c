"""The embedded network, version 1: a MedicalNet-style ResNet that segments and rates quality.

Kept as it was, so that old tables can be made again.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from longibench.metrics.anatomy_grid import (
    Seen,
    Spacing,
    folded,
    padded,
    unfolded,
    working_sides,
)
from longibench.metrics.medicalnet import DILATED, MedicalNet

TISSUES = ("background", "csf", "grey", "white", "ventricles")
WIDTH = 16  # channels of the stem; layers have 1, 2, 4 and 8 times as many
FOLDED = 8  # voxels of a block of 2x2x2, which are channels in the decoder
STAGES = (WIDTH, WIDTH, 2 * WIDTH, 4 * WIDTH, 8 * WIDTH)  # stem and four layers
FEATURES = sum(STAGES)
STRIDE = 8  # sides must be multiples of it
COARSEST_MM = 2.5  # coarser volumes are interpolated to it: the network was trained on 1.25 to 3 mm
# Predicted from the pooled features, in addition to the tissue of each voxel.
PROPERTIES = ("head", "csf", "grey", "white", "ventricles", "noise", "blur", "gamma", "bias")


class AnatomyNetwork1(nn.Module):
    """ResNet-10 at a quarter of its width, with a light decoder to a tissue for each voxel.

    Trained to segment, and to predict from its pooled features alone the volumes of tissue and the
    noise, blur, contrast and bias of the image: they then represent both anatomy and quality.
    """

    tissues = TISSUES

    def __init__(self) -> None:
        super().__init__()
        self.encoder = MedicalNet(10, DILATED, WIDTH)
        self.narrow = nn.Conv3d(STAGES[4] + STAGES[2], 4 * WIDTH, 1)
        self.up4 = _convolution(4 * WIDTH + STAGES[1], 2 * WIDTH)
        self.up2 = _convolution(2 * WIDTH + STAGES[0] + FOLDED, 2 * WIDTH)
        self.tissue = nn.Conv3d(2 * WIDTH, len(TISSUES) * FOLDED, 1)
        self.told = nn.Linear(FEATURES, len(PROPERTIES))  # the name is that of the released weights

    def see(self, volume: Tensor, spacing_mm: Spacing) -> Seen:
        """See a volume (1, 1, X, Y, Z) in [-1, 1]; coarse ones at ``COARSEST_MM``.

        The tissue is that of the volume's own voxels.
        """
        wanted = working_sides(volume.shape[2:], spacing_mm, COARSEST_MM)
        sides = [max(pair) for pair in zip(volume.shape[2:], wanted, strict=True)]
        refined = sides != list(volume.shape[2:])
        fine = F.interpolate(volume, sides, mode="trilinear") if refined else volume
        whole, (x, y, z) = padded(fine, STRIDE)
        whole = whole.contiguous(memory_format=torch.channels_last_3d)
        stages = self.stages(whole)

        def tissue() -> Tensor:
            shares = self.logits(whole, stages).softmax(dim=1)[:, :, x, y, z]
            return F.interpolate(shares, volume.shape[2:], mode="trilinear") if refined else shares

        return Seen(stages, pooled(stages), tissue)

    def stages(self, x: Tensor) -> tuple[Tensor, ...]:
        """Map volumes (B, 1, X, Y, Z) in [-1, 1] to the encoder's five maps, from fine to coarse.

        Sides must be multiples of ``STRIDE``; the maps' are 1/2, 1/4, 1/8, 1/8 and 1/8 of them.
        """
        stem = self.encoder.stem(x)
        return (stem, *self.encoder.layers(stem))

    def logits(self, x: Tensor, stages: tuple[Tensor, ...]) -> Tensor:
        """Logits of ``TISSUES`` at each voxel, (B, 5, X, Y, Z)."""
        stem, layer1, layer2, _, layer4 = stages
        deep = F.relu(self.narrow(torch.cat([layer4, layer2], dim=1)))
        deep = self.up4(torch.cat([_doubled(deep), layer1], dim=1))
        deep = self.up2(torch.cat([_doubled(deep), stem, folded(x)], dim=1))
        return unfolded(self.tissue(deep))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of tissue (B, 5, X, Y, Z), and ``PROPERTIES`` (B, 9)."""
        stages = self.stages(x)
        return self.logits(x, stages), self.told(pooled(stages))


def pooled(stages: tuple[Tensor, ...]) -> Tensor:
    """Means of the stages' maps over the volume, concatenated, (B, ``FEATURES``)."""
    return torch.cat([stage.mean(dim=(2, 3, 4)) for stage in stages], dim=1)


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="nearest")


def _convolution(channels: int, width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv3d(channels, width, 3, padding=1, bias=False), nn.BatchNorm3d(width), nn.ReLU()
    )
