"""The embedded network, version 2: tissue on a grid of its own, texture on the volume's voxels."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from longibench.metrics.anatomy_grid import (
    BACKGROUND,
    Seen,
    Spacing,
    folded,
    padded,
    regridded,
    unfolded,
    working_sides,
)

TISSUES = ("background", "csf", "grey", "white", "ventricles", "hippocampus")
FOLDED = 8  # voxels of a block of 2x2x2, which are channels
SPACING_MM = 2.5  # of the grid that tissue is found on, whatever the volume's voxels are
STRIDE = 8  # sides of that grid are padded to multiples of it
TEXTURE = (16, 32)
ANATOMY = (16, 32, 48, 96)  # stem, and blocks 1, 2 and 4
FEATURES = sum(TEXTURE) + sum(ANATOMY)
# Predicted from the features, in addition to the tissue of each voxel.
PROPERTIES = (*TISSUES, "noise", "blur", "gamma", "bias", "checkerboard")


class Convolution(nn.Conv3d):
    """A convolution that is as fast for one small volume as for a batch.

    For a batch of one and few voxels torch leaves oneDNN out, and takes five times as long.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, X, Y, Z) as ``nn.Conv3d`` does."""
        direct = torch.is_inference_mode_enabled() and torch.backends.mkldnn.is_available()
        if not direct or x.device.type != "cpu":
            return super().forward(x)
        padding = [int(side) for side in self.padding]
        return torch.mkldnn_convolution(
            x, self.weight, self.bias, padding, self.stride, self.dilation, self.groups
        )


class Block(nn.Module):
    """Two convolutions around a shortcut (He et al. 2016, arXiv:1512.03385, figure 2)."""

    def __init__(self, channels: int, width: int, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        self.first = _normed(channels, width, 3, stride, dilation)
        self.second = _normed(width, width, 3, 1, dilation)
        self.shortcut = _normed(channels, width, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, X, Y, Z) to (B, width, X / stride, Y / stride, Z / stride)."""
        return F.relu(self.second(F.relu(self.first(x))) + self.shortcut(x))


class AnatomyNetwork(nn.Module):
    """A U-Net on blocks of 2x2x2 voxels of 2.5 mm, and two convolutions on the given voxels.

    Anatomy does not need finer voxels; what a generator leaves behind (noise, checkerboards, blur
    of a fraction of a voxel) is in the given ones. Trained to segment, and to predict from its
    features alone the volumes of tissue and the noise, blur, contrast, bias and checkerboard.
    """

    tissues = TISSUES
    mean: Tensor
    deviation: Tensor

    def __init__(self) -> None:
        super().__init__()
        stem, first, second, last = ANATOMY
        self.stem = _normed(1, stem, 7, 2)
        self.block1 = Block(stem, first)
        self.block2 = Block(first, second, stride=2)
        self.block3 = Block(second, 64, dilation=2)
        self.block4 = Block(64, last, dilation=4)
        self.narrow = Convolution(last + second, 64, 1)
        self.up4 = _normed(64 + first, 32, 3)
        self.thin = Convolution(32, 16, 1)
        self.up2 = _normed(16 + stem + FOLDED, 32, 3)
        self.tissue = Convolution(32, len(TISSUES) * FOLDED, 1)
        self.texture1 = Convolution(1, TEXTURE[0], 4, stride=2, padding=1)
        self.texture2 = Convolution(TEXTURE[0], TEXTURE[1], 3, stride=2, padding=1)
        self.properties = nn.Linear(FEATURES, len(PROPERTIES))
        self.register_buffer("mean", torch.zeros(FEATURES))
        self.register_buffer("deviation", torch.ones(FEATURES))

    def see(self, volume: Tensor, spacing_mm: Spacing) -> Seen:
        """See a volume (1, 1, X, Y, Z) in [-1, 1] with voxels of a size in mm.

        Features are standardised by their mean and deviation over the images of the training.
        """
        sides = working_sides(volume.shape[2:], spacing_mm, SPACING_MM)
        working, inside = padded(regridded(volume, sides), STRIDE)
        working = working.contiguous(memory_format=torch.channels_last_3d)
        even, _ = padded(volume, 2)
        texture, stages = self.textures(even), self.stages(working)

        def tissue() -> Tensor:
            x, y, z = inside
            return self.logits(working, stages).softmax(dim=1)[:, :, x, y, z]

        features = (self.pooled(even, texture, stages) - self.mean) / self.deviation
        return Seen((*texture, *_kept(stages)), features, tissue)

    def textures(self, even: Tensor) -> tuple[Tensor, Tensor]:
        """Maps of the texture of volumes (B, 1, X, Y, Z) with even sides, at 1/2 and 1/4 of them.

        The modulus of each filter's response, as in a scattering transform (Bruna and Mallat 2013,
        doi:10.1109/TPAMI.2012.230): the energy of texture, of which no filter can be dead.
        """
        fine = self.texture1(even).abs()
        return fine, self.texture2(fine).abs()

    def stages(self, working: Tensor) -> tuple[Tensor, ...]:
        """Stem and four blocks of volumes (B, 1, x, y, z), at 1/2, 1/4 and 1/8 of their sides."""
        stem = F.relu(self.stem(working))
        maps = [F.max_pool3d(stem, 3, stride=2, padding=1)]
        for block in (self.block1, self.block2, self.block3, self.block4):
            maps.append(block(maps[-1]))
        return (stem, *maps[1:])

    def logits(self, working: Tensor, stages: tuple[Tensor, ...]) -> Tensor:
        """Logits of ``TISSUES`` at each voxel of the network's grid, (B, 6, x, y, z)."""
        stem, first, second, _, last = stages
        deep = F.relu(self.narrow(torch.cat([last, second], dim=1)))
        deep = F.relu(self.up4(torch.cat([_doubled(deep), first], dim=1)))
        deep = F.relu(self.thin(deep))
        deep = F.relu(self.up2(torch.cat([_doubled(deep), stem, folded(working)], dim=1)))
        return unfolded(self.tissue(deep))

    def pooled(
        self, even: Tensor, texture: tuple[Tensor, ...], stages: tuple[Tensor, ...]
    ) -> Tensor:
        """Means of the maps, (B, ``FEATURES``).

        Those of texture are weighted by brightness: the background does not count, and one that is
        a little brighter, as generators leave it, counts a little.

        Args:
            even: Volumes (B, 1, X, Y, Z) with even sides, background ``BACKGROUND``.
            texture: Of ``textures``.
            stages: Of ``stages``.
        """
        bright = F.avg_pool3d(even - BACKGROUND, 2)
        means = []
        for maps in texture:
            weight = F.interpolate(bright, maps.shape[2:], mode="area")
            total = weight.sum(dim=(2, 3, 4)).clamp(min=1e-6)
            means.append((maps * weight).sum(dim=(2, 3, 4)) / total)
        means += [maps.mean(dim=(2, 3, 4)) for maps in _kept(stages)]
        return torch.cat(means, dim=1)


def _kept(stages: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """The stages whose maps are features, ``ANATOMY``: all but the third block."""
    return (*stages[:3], stages[4])


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="nearest")


def _normed(
    channels: int, width: int, size: int, stride: int = 1, dilation: int = 1
) -> nn.Sequential:
    padding = dilation * (size // 2)
    return nn.Sequential(
        Convolution(channels, width, size, stride, padding, dilation, bias=False),
        nn.BatchNorm3d(width),
    )
