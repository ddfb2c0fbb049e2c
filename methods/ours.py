"""The paper's method: source and interval enter the diffusion U-Net as summed feature maps."""

from pydantic import Field
from torch import Tensor, nn

from longibench.methods.blocks import IntervalEncoding, over_space
from longibench.methods.conditional_diffusion import (
    SAMPLING,
    ConditionalDiffusion,
    ConditionalDiffusionSettings,
)
from longibench.methods.limits import MOST_BLOCKS, MOST_CHANNELS
from longibench.methods.unet import AttentionUNet


class OursSettings(ConditionalDiffusionSettings):
    """Settings of ``ours``. They include what the paper leaves open.

    Attributes:
        width: Channels of the summed feature maps F, H and P.
        depth: Convolutions of F and of H.
    """

    width: int = Field(64, ge=1, le=MOST_CHANNELS)
    depth: int = Field(2, ge=1, le=MOST_BLOCKS)


class Ours(ConditionalDiffusion[OursSettings], name="ours"):
    """eps(x_t, t, S, Delta) = D(E(F(x_t) + H(S) + P(Delta), t), t), eq. (11)."""

    summary = "conditional DDPM: source and interval added as feature maps"
    paper = "Dao, Yang, Kim 2024, arXiv:2411.05860"
    Settings = OursSettings
    generation_only = SAMPLING

    def __init__(self, settings: OursSettings, shape: tuple[int, int, int]) -> None:
        super().__init__(settings, shape)
        channels = settings.patch**3
        self.of_noisy = _convolutions(channels, settings.width, settings.depth)  # F
        self.of_source = _convolutions(channels, settings.width, settings.depth)  # H
        self.of_interval = IntervalEncoding(settings.width)  # P
        self.unet = AttentionUNet(settings.unet, settings.width, channels)  # E and D

    def condition(self, source: Tensor, interval_years: Tensor) -> Tensor:
        """H(S) + P(Delta), (B, width, X, Y, Z); the only path from the source to the output."""
        return self.of_source(source) + over_space(self.of_interval(interval_years))

    def denoise(self, x_t: Tensor, t: Tensor, condition: Tensor) -> Tensor:
        """Eq. (11)."""
        return self.unet(self.of_noisy(x_t) + condition, t)


def _convolutions(in_channels: int, width: int, depth: int) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Conv3d(in_channels, width, 3, padding=1)]
    for _ in range(depth - 1):
        layers += [nn.SiLU(), nn.Conv3d(width, width, 3, padding=1)]
    return nn.Sequential(*layers)
