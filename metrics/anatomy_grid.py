"""Grids of the embedded network: other voxel sizes, padding, and voxels folded into channels."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

BACKGROUND = -1.0
Spacing = tuple[float, float, float]


@dataclass(frozen=True)
class Seen:
    """What a network sees in a volume.

    Attributes:
        maps: Of its stages, (1, C, x, y, z) each.
        features: (1, d).
        tissue: Computes the share of each tissue, (1, T, x, y, z), on the network's own grid of the
            same field of view.
    """

    maps: tuple[Tensor, ...]
    features: Tensor
    tissue: Callable[[], Tensor]


def working_sides(
    sides: Sequence[int], spacing_mm: Sequence[float], working_mm: float
) -> list[int]:
    """Voxels along each axis for the same field of view with voxels of ``working_mm``."""
    return [
        max(1, round(side * size / working_mm))
        for side, size in zip(sides, spacing_mm, strict=True)
    ]


def regridded(volume: Tensor, sides: Sequence[int]) -> Tensor:
    """A volume (B, C, X, Y, Z) with other sides, over the same field of view.

    Along each axis it is interpolated linearly to more voxels, and averaged over their extent to
    fewer: a voxel's share of a tissue stays a share.
    """
    finer = [max(old, new) for old, new in zip(volume.shape[2:], sides, strict=True)]
    if finer != list(volume.shape[2:]):
        volume = F.interpolate(volume, finer, mode="trilinear")
    for axis, side in enumerate(sides, start=2):
        if side < volume.shape[axis]:
            weights = _overlap(volume.shape[axis], side).to(volume)
            volume = (volume.movedim(axis, -1) @ weights.T).movedim(-1, axis)
    return volume


def _overlap(old: int, new: int) -> Tensor:
    """Share of each of ``new`` voxels that lies in each of ``old``, (new, old)."""
    before, after = torch.arange(old + 1) / old, torch.arange(new + 1) / new
    end = torch.minimum(after[1:, None], before[None, 1:])
    start = torch.maximum(after[:-1, None], before[None, :-1])
    return (end - start).clamp(min=0) * new


def padded(volume: Tensor, stride: int) -> tuple[Tensor, list[slice]]:
    """A volume with sides that are multiples of a stride, and its position in them."""
    padding: list[int] = []
    inside = []
    for side in reversed(volume.shape[2:]):
        missing = -side % stride
        padding += [missing // 2, missing - missing // 2]
        inside.append(slice(missing // 2, missing // 2 + side))
    return F.pad(volume, padding, value=BACKGROUND), inside[::-1]


def folded(x: Tensor) -> Tensor:
    """Blocks of 2x2x2 voxels as channels: (B, C, X, Y, Z) to (B, 8 C, X / 2, Y / 2, Z / 2).

    Convolutions at half the resolution have an eighth of the cost.
    """
    batch, channels, *sides = x.shape
    x_, y_, z_ = (side // 2 for side in sides)
    blocks = x.reshape(batch, channels, x_, 2, y_, 2, z_, 2)
    last = blocks.permute(0, 2, 4, 6, 1, 3, 5, 7).reshape(batch, x_, y_, z_, -1)
    return last.permute(0, 4, 1, 2, 3)  # stored with channels last, as convolutions are fastest


def unfolded(x: Tensor) -> Tensor:
    """Undo ``folded``."""
    batch, channels, x_, y_, z_ = x.shape
    blocks = x.reshape(batch, channels // 8, 2, 2, 2, x_, y_, z_)
    return blocks.permute(0, 1, 5, 2, 6, 3, 7, 4).reshape(batch, -1, 2 * x_, 2 * y_, 2 * z_)
