"""A second implementation of MedicalNet's trunk from its description, as a check on ours.

Stem of stride 4; layers of 64, 128, 256 and 512 planes with strides 1, 2, 1, 1 and dilations
1, 1, 2, 4; basic blocks for depths 10, 18 and 34, bottlenecks for 50; shortcuts that change shape
project for 10 and 50, and for 18 and 34 thin out the voxels and append empty channels.
"""

import torch
from torch import Tensor
from torch.nn import BatchNorm3d, Conv3d, MaxPool3d, Module, ReLU, Sequential

BLOCKS = {10: [1, 1, 1, 1], 18: [2, 2, 2, 2], 34: [3, 4, 6, 3], 50: [3, 4, 6, 3]}
PROJECTS = (10, 50)


class Block(Module):
    """Convolutions with their norms, around a shortcut."""

    def __init__(self, depth: int, inputs: int, planes: int, stride: int, dilation: int) -> None:
        super().__init__()
        self.relu, self.stride = ReLU(), stride
        spread = {"padding": dilation, "dilation": dilation, "bias": False}
        if depth == 50:
            self.outputs = 4 * planes
            self.conv1 = Conv3d(inputs, planes, 1, bias=False)
            self.conv2 = Conv3d(planes, planes, 3, stride, **spread)
            self.conv3 = Conv3d(planes, self.outputs, 1, bias=False)
            self.bn3 = BatchNorm3d(self.outputs)
        else:
            self.outputs = planes
            self.conv1 = Conv3d(inputs, planes, 3, stride, **spread)
            self.conv2 = Conv3d(planes, planes, 3, 1, **spread)
        self.bn1, self.bn2 = BatchNorm3d(planes), BatchNorm3d(planes)
        if depth in PROJECTS and (stride != 1 or inputs != self.outputs):
            projection = Conv3d(inputs, self.outputs, 1, stride, bias=False)
            self.downsample = Sequential(projection, BatchNorm3d(self.outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, inputs, X, Y, Z) to (B, outputs, X / stride, Y / stride, Z / stride)."""
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        if hasattr(self, "conv3"):
            y = self.bn3(self.conv3(self.relu(y)))
        return self.relu(y + self.shortcut(x))

    def shortcut(self, x: Tensor) -> Tensor:
        """The shortcut that is added to the convolutions' result."""
        if hasattr(self, "downsample"):
            return self.downsample(x)
        x = x[..., :: self.stride, :: self.stride, :: self.stride]
        batch, channels, *sides = x.shape
        return torch.cat([x, x.new_zeros(batch, self.outputs - channels, *sides)], dim=1)


class DilatedMedicalNet(Module):
    """Volumes (B, 1, X, Y, Z) to features (B, d): the mean of the last layer."""

    def __init__(self, depth: int) -> None:
        super().__init__()
        self.conv1 = Conv3d(1, 64, 7, stride=2, padding=3, bias=False)
        self.bn1, self.relu, self.maxpool = BatchNorm3d(64), ReLU(), MaxPool3d(3, 2, padding=1)
        channels = 64
        settings = zip(BLOCKS[depth], (64, 128, 256, 512), (1, 2, 1, 1), (1, 1, 2, 4), strict=True)
        for number, (count, planes, stride, dilation) in enumerate(settings, start=1):
            blocks = []
            for index in range(count):
                block = Block(depth, channels, planes, stride if index == 0 else 1, dilation)
                blocks.append(block)
                channels = block.outputs
            setattr(self, f"layer{number}", Sequential(*blocks))

    def forward(self, x: Tensor) -> Tensor:
        """Pool the last layer."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return x.mean(dim=(2, 3, 4))
