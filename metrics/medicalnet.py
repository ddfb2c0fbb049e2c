"""MedicalNet's 3D ResNet (Chen, Ma, Zheng 2019, Med3D, arXiv:1904.00625), trunk only.

The trunk of the authors' code has a stride of 8 and dilates layers 3 and 4. MONAI's ResNet
takes the same weights but has a stride of 32, so its features, and a FID on them, differ. Both
trunks are implemented here, each under its own name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Network = TypeVar("Network", bound=nn.Module)

PLANES = (64, 128, 256, 512)
WIDTH = PLANES[0]


@dataclass(frozen=True)
class Trunk:
    """How the four layers increase their receptive field.

    Attributes:
        strides: Stride of each layer's first block.
        dilations: Dilation of each layer's 3x3x3 convolutions.
    """

    strides: tuple[int, int, int, int]
    dilations: tuple[int, int, int, int]


DILATED = Trunk(strides=(1, 2, 1, 1), dilations=(1, 1, 2, 4))  # the authors': total stride 8
STRIDED = Trunk(strides=(1, 2, 2, 2), dilations=(1, 1, 1, 1))  # MONAI's: total stride 32


@dataclass(frozen=True)
class Architecture:
    """What distinguishes one depth from another.

    Attributes:
        bottleneck: Blocks of 1x1, 3x3, 1x1 convolutions that widen four times, else two 3x3.
        blocks: Blocks in each of the four layers.
        shortcut: Where a block changes shape: ``"A"`` pads the channels with zeros, ``"B"``
            projects them with a 1x1 convolution.
    """

    bottleneck: bool
    blocks: tuple[int, int, int, int]
    shortcut: Literal["A", "B"]

    @property
    def features(self) -> int:
        """Number of channels of the last layer."""
        return PLANES[-1] * (4 if self.bottleneck else 1)


ARCHITECTURES = {
    10: Architecture(False, (1, 1, 1, 1), "B"),
    18: Architecture(False, (2, 2, 2, 2), "A"),
    34: Architecture(False, (3, 4, 6, 3), "A"),
    50: Architecture(True, (3, 4, 6, 3), "B"),
    101: Architecture(True, (3, 4, 23, 3), "B"),
    152: Architecture(True, (3, 8, 36, 3), "B"),
    200: Architecture(True, (3, 24, 36, 3), "B"),
}


class ZeroPadShortcut(nn.Module):
    """Shortcut A: take every ``stride``-th voxel and pad the channels with zeros."""

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        self.channels = channels
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, X, Y, Z) to (B, channels, X / stride, Y / stride, Z / stride)."""
        x = x[:, :, :: self.stride, :: self.stride, :: self.stride]
        return F.pad(x, (0, 0, 0, 0, 0, 0, 0, self.channels - x.shape[1]))


class BasicBlock(nn.Module):
    """Two 3x3x3 convolutions around a shortcut."""

    def __init__(
        self, channels: int, planes: int, stride: int, dilation: int, downsample: nn.Module | None
    ) -> None:
        super().__init__()
        self.conv1 = _conv3(channels, planes, stride, dilation)
        self.bn1 = nn.BatchNorm3d(planes)
        self.conv2 = _conv3(planes, planes, 1, dilation)
        self.bn2 = nn.BatchNorm3d(planes)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, X, Y, Z) to (B, planes, X / stride, Y / stride, Z / stride)."""
        shortcut = x if self.downsample is None else self.downsample(x)
        x = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(x)) + shortcut)


class Bottleneck(nn.Module):
    """Convolutions 1x1x1, 3x3x3 and 1x1x1 around a shortcut; widens to four times ``planes``."""

    def __init__(
        self, channels: int, planes: int, stride: int, dilation: int, downsample: nn.Module | None
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(channels, planes, 1, bias=False)
        self.bn1 = nn.BatchNorm3d(planes)
        self.conv2 = _conv3(planes, planes, stride, dilation)
        self.bn2 = nn.BatchNorm3d(planes)
        self.conv3 = nn.Conv3d(planes, 4 * planes, 1, bias=False)
        self.bn3 = nn.BatchNorm3d(4 * planes)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, X, Y, Z) to (B, 4 planes, X / stride, Y / stride, Z / stride)."""
        shortcut = x if self.downsample is None else self.downsample(x)
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)))
        return F.relu(self.bn3(self.conv3(x)) + shortcut)


class MedicalNet(nn.Module):
    """The trunk, then global average pooling of its last layer.

    Module names are those of the released files, which therefore load strictly with either trunk.
    """

    def __init__(self, depth: int, trunk: Trunk = DILATED, width: int = WIDTH) -> None:
        """Args: one of the depths in ``ARCHITECTURES``, the trunk, and the first channels."""
        super().__init__()
        architecture = ARCHITECTURES[depth]
        self.conv1 = nn.Conv3d(1, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm3d(width)
        channels = width
        for number, planes in enumerate(width * 2**number for number in range(len(PLANES))):
            layer = _layer(architecture, trunk, number, channels, planes)
            self.add_module(f"layer{number + 1}", layer)
            channels = planes * (4 if architecture.bottleneck else 1)

    def stem(self, x: Tensor) -> Tensor:
        """Map volumes (B, 1, X, Y, Z) to the first maps, (B, width, X / 2, Y / 2, Z / 2)."""
        return F.relu(self.bn1(self.conv1(x)))

    def stages(self, x: Tensor) -> tuple[Tensor, ...]:
        """Map volumes (B, 1, X, Y, Z) to the outputs of the four layers, from fine to coarse.

        The last is (B, d, X / 8, Y / 8, Z / 8), or 1 / 32 of the sides with the strided trunk.
        """
        return self.layers(self.stem(x))

    def layers(self, x: Tensor) -> tuple[Tensor, ...]:
        """Map the stem's output to the outputs of the four layers."""
        x = F.max_pool3d(x, 3, stride=2, padding=1)
        maps = []
        for number in range(len(PLANES)):
            x = self.get_submodule(f"layer{number + 1}")(x)
            maps.append(x)
        return tuple(maps)

    def forward(self, x: Tensor) -> Tensor:
        """Map volumes (B, 1, X, Y, Z) to pooled features (B, d)."""
        return self.stages(x)[-1].mean(dim=(2, 3, 4))


def with_random_weights(depth: int, seed: int) -> MedicalNet:
    """Build a network with random convolutions from a seed and neutral norms.

    He's initialisation (He et al. 2015, arXiv:1502.01852, eq. 10: Var[w] = 2 / fan_in), uniform:
    torch's normal numbers differ in the last bit between processors, uniform ones and the exactly
    rounded arithmetic on them do not.
    """
    return initialise_weights(_without_weights(depth).to_empty(device="cpu"), seed).eval()


def initialise_weights(network: Network, seed: int) -> Network:
    """Initialise every convolution and linear layer as ``with_random_weights`` does."""
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.Conv3d | nn.Linear):
            fan_in = module.weight[0].numel()
            uniform = torch.rand(module.weight.shape, generator=generator) * 2 - 1
            module.weight.data.copy_(uniform * (6 / fan_in) ** 0.5)
            if module.bias is not None:
                module.bias.data.zero_()
        elif isinstance(module, nn.BatchNorm3d):
            module.reset_parameters()
    return network


def with_state(depth: int, state: Mapping[str, Tensor], trunk: Trunk = DILATED) -> MedicalNet:
    """Build a network with the given weights.

    Raises:
        RuntimeError: An entry is missing, unknown or of another shape.
    """
    network = _without_weights(depth, trunk)
    network.load_state_dict(state, strict=True, assign=True)
    return network.float().eval()


def _without_weights(depth: int, trunk: Trunk = DILATED) -> MedicalNet:
    # The meta device does not change the global random generator and takes no time.
    with torch.device("meta"):
        return MedicalNet(depth, trunk)


def _layer(
    architecture: Architecture, trunk: Trunk, number: int, channels: int, planes: int
) -> nn.Sequential:
    block = Bottleneck if architecture.bottleneck else BasicBlock
    stride, dilation = trunk.strides[number], trunk.dilations[number]
    width = planes * (4 if architecture.bottleneck else 1)
    downsample = None
    if stride != 1 or channels != width:
        downsample = _downsample(architecture.shortcut, channels, width, stride)
    first = block(channels, planes, stride, dilation, downsample)
    rest = (block(width, planes, 1, dilation, None) for _ in range(architecture.blocks[number] - 1))
    return nn.Sequential(first, *rest)


def _downsample(shortcut: str, channels: int, width: int, stride: int) -> nn.Module:
    if shortcut == "A":
        return ZeroPadShortcut(width, stride)
    convolution = nn.Conv3d(channels, width, 1, stride=stride, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm3d(width))


def _conv3(channels: int, planes: int, stride: int, dilation: int) -> nn.Conv3d:
    return nn.Conv3d(
        channels, planes, 3, stride=stride, padding=dilation, dilation=dilation, bias=False
    )
