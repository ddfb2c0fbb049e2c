"""The embedded network: a MedicalNet-style ResNet that segments tissue and rates image quality."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from longibench.metrics.medicalnet import DILATED, MedicalNet

TISSUES = ("background", "csf", "grey", "white", "ventricles")
WIDTH = 16  # channels of the stem; layers have 1, 2, 4 and 8 times as many
FOLDED = 8  # voxels of a block of 2x2x2, which are channels in the decoder
STAGES = (WIDTH, WIDTH, 2 * WIDTH, 4 * WIDTH, 8 * WIDTH)  # stem and four layers
FEATURES = sum(STAGES)
STRIDE = 8  # sides must be multiples of it
# Predicted from the pooled features, in addition to the tissue of each voxel.
PROPERTIES = ("head", "csf", "grey", "white", "ventricles", "noise", "blur", "gamma", "bias")


class AnatomyNetwork(nn.Module):
    """ResNet-10 at a quarter of its width, with a light decoder to a tissue for each voxel.

    Trained to segment, and to predict from its pooled features alone the volumes of tissue and the
    noise, blur, contrast and bias of the image: they then represent both anatomy and quality.
    """

    def __init__(self) -> None:
        super().__init__()
        self.encoder = MedicalNet(10, DILATED, WIDTH)
        self.narrow = nn.Conv3d(STAGES[4] + STAGES[2], 4 * WIDTH, 1)
        self.up4 = _convolution(4 * WIDTH + STAGES[1], 2 * WIDTH)
        self.up2 = _convolution(2 * WIDTH + STAGES[0] + FOLDED, 2 * WIDTH)
        self.tissue = nn.Conv3d(2 * WIDTH, len(TISSUES) * FOLDED, 1)
        self.told = nn.Linear(FEATURES, len(PROPERTIES))  # the name is that of the released weights

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
        deep = self.up2(torch.cat([_doubled(deep), stem, fold(x)], dim=1))
        return unfold(self.tissue(deep))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of tissue (B, 5, X, Y, Z), and ``PROPERTIES`` (B, 9)."""
        stages = self.stages(x)
        return self.logits(x, stages), self.told(pooled(stages))


def pooled(stages: tuple[Tensor, ...]) -> Tensor:
    """Means of the stages' maps over the volume, concatenated, (B, ``FEATURES``)."""
    return torch.cat([stage.mean(dim=(2, 3, 4)) for stage in stages], dim=1)


def fold(x: Tensor) -> Tensor:
    """Blocks of 2x2x2 voxels as channels: (B, C, X, Y, Z) to (B, 8 C, X / 2, Y / 2, Z / 2).

    Convolutions at half the resolution have an eighth of the cost.
    """
    batch, channels, *sides = x.shape
    x_, y_, z_ = (side // 2 for side in sides)
    blocks = x.reshape(batch, channels, x_, 2, y_, 2, z_, 2)
    return blocks.permute(0, 1, 3, 5, 7, 2, 4, 6).reshape(batch, -1, x_, y_, z_)


def unfold(x: Tensor) -> Tensor:
    """Undo ``fold``."""
    batch, channels, x_, y_, z_ = x.shape
    blocks = x.reshape(batch, channels // FOLDED, 2, 2, 2, x_, y_, z_)
    return blocks.permute(0, 1, 5, 2, 6, 3, 7, 4).reshape(batch, -1, 2 * x_, 2 * y_, 2 * z_)


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="nearest")


def _convolution(channels: int, width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv3d(channels, width, 3, padding=1, bias=False), nn.BatchNorm3d(width), nn.ReLU()
    )
