"""The reference row for what a score gives to smoothing alone: the source, blurred."""

import math
from types import MappingProxyType

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from longibench.methods.method import Method, MethodSettings

START, WIDEST = 0.5, 1.5  # standard deviation in voxels: the first one, and an upper end
RADIUS = 6  # voxels: four standard deviations of the widest
FWHM = 2 * math.sqrt(2 * math.log(2))  # in standard deviations


class CopySmoothed(Method, name="copy-smoothed"):
    """The source blurred by a Gaussian whose width is chosen on the training part, by L1.

    If no blur is nearer to the follow-ups, the width goes to 0 and the row is a copy.
    """

    summary = "the source, blurred as much as is best on the training part; a reference"
    conditions_on = ("source",)
    reference = True
    evaluations = 0
    training_defaults = MappingProxyType(
        {  # one number: it needs neither a preset's hours nor its loggers
            "iterations": 100,
            "learning_rate": 0.02,
            "ema": {"decay": 0.95, "every": 1, "start": 0},
            "validation": {"every": 0},
            "loggers": ["csv"],
        }
    )

    def __init__(self, settings: MethodSettings, shape: tuple[int, int, int]) -> None:
        super().__init__(settings, shape)
        self.width = nn.Parameter(torch.tensor(START))  # only its square counts, not its sign

    def training_loss(self, source: Tensor, target: Tensor, interval_years: Tensor) -> Tensor:
        """Mean absolute error of the blurred source."""
        return (self._blurred(source) - target).abs().mean()

    def generate(self, source: Tensor, interval_years: Tensor, seeds: Tensor) -> Tensor:
        """The blurred source."""
        return self._blurred(source)

    def describe(self) -> str:
        """The width that was chosen."""
        return f"Gaussian, FWHM {FWHM * float(self.variance.detach()) ** 0.5:.2f} voxel"

    @property
    def variance(self) -> Tensor:
        """In voxels squared."""
        return self.width.square().clamp(max=WIDEST**2)

    def _blurred(self, source: Tensor) -> Tensor:
        """Blur along each axis, (B, 1, X, Y, Z); the border's values continue outside.

        Sums, not a convolution, which mixed precision would round to 8 bits.
        """
        weights = discrete_gaussian(self.variance, RADIUS)
        volume = F.pad(source, (RADIUS,) * 6, mode="replicate")
        for axis in (2, 3, 4):
            blurred = torch.zeros((), device=source.device, dtype=source.dtype)
            for offset, weight in enumerate(weights):
                blurred = blurred + weight * volume.narrow(axis, offset, source.shape[axis])
            volume = blurred
        return volume


def discrete_gaussian(variance: Tensor, radius: int) -> Tensor:
    """Weights (2 ``radius`` + 1,) of the discrete Gaussian kernel, which sum to 1.

    Its variance is the given one, also far below that of a voxel, where a sampled Gaussian has no
    neighbours any more (Lindeberg 1990, IEEE TPAMI 12:234).

    Args:
        variance: In voxels squared.
        radius: Voxels to each side.
    """
    count = 2 * radius + 1
    angles = torch.arange(count, device=variance.device, dtype=torch.float64) * (
        2 * math.pi / count
    )
    spectrum = torch.exp(variance.double() * (angles.cos() - 1))
    offsets = torch.arange(-radius, radius + 1, device=variance.device)
    return (spectrum * (offsets[:, None] * angles).cos()).mean(-1).to(variance.dtype)
