"""The paper's method: source and interval enter the diffusion U-Net as summed feature maps."""

from pydantic import Field
from torch import Tensor, nn

from longibench.methods.blocks import IntervalMaps, keep_variance
from longibench.methods.conditional_diffusion import (
    SAMPLING,
    ConditionalDiffusion,
    ConditionalDiffusionSettings,
)
from longibench.methods.limits import MOST_BLOCKS, MOST_CHANNELS, Side
from longibench.methods.unet import AttentionUNet


class OursSettings(ConditionalDiffusionSettings):
    """Settings of ``ours``. They include what the paper leaves open.

    Attributes:
        width: Channels of the summed feature maps F, H and P.
        depth: Convolutions of F and of H. With one, F(x_t) + H(S) is Med-DDPM's first convolution,
            on the concatenation of x_t and S, and P is what is left of the paper's idea.
        interval_grid: Sides of the learned maps of P, which are interpolated to the volume;
            (1, 1, 1): constant over the volume.
    """

    width: int = Field(64, ge=1, le=MOST_CHANNELS)
    depth: int = Field(2, ge=1, le=MOST_BLOCKS)
    interval_grid: tuple[Side, Side, Side] = (1, 1, 1)


class Ours(ConditionalDiffusion[OursSettings], name="ours"):
    """eps(x_t, t, S, Delta) = D(E(F(x_t) + H(S) + P(Delta), t), t), eq. (11).

    F, H and P start with equal variance, so that none of the three inputs drowns in the others.
    """

    summary = "conditional DDPM: source and interval added as feature maps"
    paper = "Dao, Yang, Kim 2024, arXiv:2411.05860"
    Settings = OursSettings
    generation_only = SAMPLING

    def __init__(self, settings: OursSettings, shape: tuple[int, int, int]) -> None:
        super().__init__(settings, shape)
        channels = settings.patch**3
        self.of_noisy = _convolutions(channels, settings.width, settings.depth)  # F
        self.of_source = _convolutions(channels, settings.width, settings.depth)  # H
        self.of_interval = IntervalMaps(settings.width, settings.interval_grid)  # P
        keep_variance(self.of_noisy)
        keep_variance(self.of_source)
        folded = [side // settings.patch for side in shape]
        keep_variance(self.of_interval, self.of_interval.mean_square(folded))
        self.unet = AttentionUNet(settings.unet, settings.width, channels)  # E and D

    def condition(self, source: Tensor, interval_years: Tensor) -> Tensor:
        """H(S) + P(Delta), (B, width, X, Y, Z); the only path from the source to the output."""
        return self.of_source(source) + self.of_interval(interval_years, source.shape[2:])

    def denoise(self, x_t: Tensor, t: Tensor, condition: Tensor) -> Tensor:
        """Eq. (11)."""
        return self.unet(self.of_noisy(x_t) + condition, t)


def _convolutions(in_channels: int, width: int, depth: int) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Conv3d(in_channels, width, 3, padding=1)]
    for _ in range(depth - 1):
        layers += [nn.SiLU(), nn.Conv3d(width, width, 3, padding=1)]
    return nn.Sequential(*layers)
