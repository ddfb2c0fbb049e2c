"""Building blocks shared by several methods: time embeddings, voxels folded into channels."""

import math

import torch
from torch import Tensor, nn


def sinusoidal_embedding(values: Tensor, dim: int, period: float) -> Tensor:
    """Sinusoidal encoding (Vaswani et al. 2017, section 3.5; cosines first, then sines).

    Args:
        values: Positions, (B,), any real numbers.
        dim: Length of the encoding, even.
        period: The slowest frequency is ``1 / period``, the fastest 1 radian per unit.

    Returns:
        The encoding, (B, dim), in [-1, 1].
    """
    half = dim // 2
    exponents = torch.arange(half, dtype=torch.float32, device=values.device) / half
    angles = values.float()[:, None] * torch.exp(-math.log(period) * exponents)
    return torch.cat([angles.cos(), angles.sin()], dim=-1)


class IntervalEncoding(nn.Module):
    """P of eq. (11): a sinusoidal encoding of the years, then a small network.

    The paper does not specify P. With years as positions the distance between visits is well below
    the fastest period, so that intervals between whole years are interpolated, not aliased.
    """

    def __init__(self, out_features: int, dim: int = 32, period: float = 1000.0) -> None:
        super().__init__()
        self._dim, self._period = dim, period
        self.network = nn.Sequential(
            nn.Linear(dim, out_features), nn.SiLU(), nn.Linear(out_features, out_features)
        )

    def forward(self, interval_years: Tensor) -> Tensor:
        """Map intervals (B,) in years to features (B, out_features)."""
        encoding = sinusoidal_embedding(interval_years, self._dim, self._period)
        weights = next(self.network.parameters())  # for their type, which may be float64
        return self.network(encoding.to(weights.dtype))


def over_space(features: Tensor) -> Tensor:
    """View features (B, C) as maps (B, C, 1, 1, 1) that broadcast over the volume."""
    return features[:, :, None, None, None]


def fold(volume: Tensor, patch: int) -> Tensor:
    """Move each ``patch``-sided cube of voxels into channels: (B, C, X..) -> (B, C p^3, X/p..).

    A smaller grid with more channels costs much less on a small machine and loses no information.
    """
    if patch == 1:
        return volume
    b, c, x, y, z = volume.shape
    cubes = volume.reshape(b, c, x // patch, patch, y // patch, patch, z // patch, patch)
    cubes = cubes.permute(0, 1, 3, 5, 7, 2, 4, 6)
    return cubes.reshape(b, c * patch**3, x // patch, y // patch, z // patch)


def unfold(folded: Tensor, patch: int) -> Tensor:
    """Undo ``fold``."""
    if patch == 1:
        return folded
    b, c, x, y, z = folded.shape
    cubes = folded.reshape(b, c // patch**3, patch, patch, patch, x, y, z)
    cubes = cubes.permute(0, 1, 5, 2, 6, 3, 7, 4)
    return cubes.reshape(b, c // patch**3, x * patch, y * patch, z * patch)
