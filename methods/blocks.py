"""Building blocks shared by several methods: time embeddings, voxels folded into channels."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

AFTER_SILU = 0.3558  # mean square of SiLU(z), z standard normal
AFTER_RELU = 0.5  # mean square of ReLU(z)
OF_ENCODING = 0.5  # mean square of sines and cosines of equal angles


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


class IntervalMaps(nn.Module):
    """P of eq. (11): learned maps, weighted by a sinusoidal encoding of the years.

    P(Delta)(x) = sum_k e_k(Delta) M_k(x). The paper does not specify P. A map that differs between
    places can act where tissue changes, and its mean is not lost in a normalisation, as that of a
    constant one is; a grid of (1, 1, 1) makes it constant. With years as positions and a slowest
    period of decades, all frequencies differ between the visits of a study and none is aliased.
    """

    def __init__(
        self, width: int, grid: tuple[int, int, int], dim: int = 8, period: float = 20.0
    ) -> None:
        """Args: channels; sides of the maps; length and slowest period (years) of the encoding."""
        super().__init__()
        self._shape, self._dim, self._period = (width, *grid), dim, period
        self.maps = nn.Linear(dim, math.prod(self._shape))

    def mean_square(self, size: Sequence[int]) -> float:
        """What encoding and interpolation leave of the maps' variance, for ``keep_variance``."""
        left = OF_ENCODING
        for points, side in zip(self._shape[1:], size, strict=True):
            impulses = torch.eye(points, device="cpu")[None]
            weights = nn.functional.interpolate(impulses, size=side, mode="linear")
            left *= float(weights.square().sum(dim=1).mean())
        return left

    def forward(self, interval_years: Tensor, size: torch.Size) -> Tensor:
        """Map intervals (B,) in years to (B, width, X, Y, Z), linearly between the grid's points.

        Args:
            interval_years: Time from source to follow-up.
            size: (X, Y, Z); maps of a single point broadcast over it.
        """
        encoding = sinusoidal_embedding(interval_years, self._dim, self._period)
        maps = self.maps(encoding.to(self.maps.weight.dtype)).unflatten(1, self._shape)
        if maps.shape[2:] == size or math.prod(maps.shape[2:]) == 1:
            return maps
        return nn.functional.interpolate(maps, size=size, mode="trilinear", align_corners=False)


class IntervalEncoding(nn.Module):
    """A sinusoidal encoding of the years, then a small network.

    With years as positions the distance between visits is well below the fastest period, so that
    intervals between whole years are interpolated, not aliased.
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


def keep_variance(network: nn.Module, mean_square: float = 1.0) -> None:
    """Initialise the layers of a network so that its output has unit variance.

    PyTorch's default shrinks a signal at every layer (to a third of its variance in a linear one),
    by other amounts for other depths. LeCun et al. 1998, "Efficient BackProp", section 4.6: weights
    of variance 1 / inputs; after a SiLU times the inverse of what it leaves of a unit variance.

    Args:
        network: Layers in a row, convolutions or linear ones, with SiLU between them.
        mean_square: Of the network's input.
    """
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv3d | nn.Linear)]
    for layer in layers:
        inputs = layer.weight[0].numel()
        nn.init.normal_(layer.weight, std=(inputs * mean_square) ** -0.5)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
        mean_square = AFTER_SILU


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
