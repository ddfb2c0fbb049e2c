"""The attention U-Net of both diffusion methods, built on MONAI's."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from longibench.methods.blocks import sinusoidal_embedding
from longibench.methods.limits import MOST_BLOCKS, MOST_CHANNELS, MOST_LEVELS, Channels

if TYPE_CHECKING:
    from monai.networks.nets import DiffusionModelUNet

Block = Callable[..., Tensor]


class UNetSettings(BaseModel):
    """Size of the U-Net.

    Attributes:
        channels: Feature channels per level, from fine to coarse; each level halves the sides.
        attention: Whether a level has self-attention; the middle always has it.
        res_blocks: Residual blocks per level of the encoder (one more in the decoder).
        norm_groups: Groups of the group normalisation; must divide every entry of ``channels``.
        time_period: Slowest period of the time embedding: Med-DDPM's; MONAI's is 10000.
        upsampling: Interpolation of the decoder: Med-DDPM's; MONAI's is ``nearest``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    channels: tuple[Channels, ...] = Field(
        (64, 64, 128, 192, 256), min_length=1, max_length=MOST_LEVELS
    )
    attention: tuple[bool, ...] = (False, False, False, True, False)
    res_blocks: int = Field(1, ge=1, le=MOST_BLOCKS)
    norm_groups: int = Field(32, ge=1, le=MOST_CHANNELS)
    time_period: float = Field(1000.0, gt=1)
    upsampling: Literal["trilinear", "nearest"] = "trilinear"

    @model_validator(mode="after")
    def _consistent(self) -> "UNetSettings":
        if len(self.channels) != len(self.attention):
            raise ValueError("channels and attention must have one entry per level each")
        if self.channels[0] % 2:
            raise ValueError(
                "the first of channels must be even: the time embedding has two halves"
            )
        if any(width % self.norm_groups for width in self.channels):
            raise ValueError(f"norm_groups={self.norm_groups} must divide every entry of channels")
        return self

    @property
    def multiple(self) -> int:
        """Sides of the input must be divisible by this."""
        return int(2 ** (len(self.channels) - 1))


class AttentionUNet(nn.Module):
    """U-Net with residual blocks, self-attention and a time embedding (Ho et al. 2020).

    MONAI's ``DiffusionModelUNet``, whose two fixed choices are settings here: the period of the
    time embedding and the interpolation of the upsampling. Med-DDPM's network has 1000 and
    trilinear where MONAI's has 10000 and nearest; parameters and cost are the same.
    """

    def __init__(self, settings: UNetSettings, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self._time_period = settings.time_period
        self._time_dim = settings.channels[0]
        self.checkpoint_levels = 0  # levels, finest first, whose activations are not kept
        self.net = _monai_unet(settings, in_channels, out_channels)
        if settings.upsampling != "nearest":
            _set_upsampling(self.net, settings.upsampling)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """Map (B, in_channels, X, Y, Z) at diffusion times (B,) to (B, out_channels, X, Y, Z)."""
        net: Any = self.net  # nn.Module hides its lists
        time = net.time_embed(sinusoidal_embedding(t, self._time_dim, self._time_period).to(x))
        h = net.conv_in(x)
        skips = [h]
        for level, down in enumerate(net.down_blocks):
            for index, resnet in enumerate(down.resnets):
                h = self._kept(level, _block(resnet, _attention(down, index)), h, time)
                skips.append(h)
            if down.downsampler is not None:
                h = self._kept(level, down.downsampler, h, time)
                skips.append(h)
        h = net.middle_block(h, time)
        for level, up in zip(reversed(range(len(net.up_blocks))), net.up_blocks, strict=True):
            for index, resnet in enumerate(up.resnets):
                block = _block(resnet, _attention(up, index))
                h = self._kept(level, _joined(block), h, skips.pop(), time)
            if up.upsampler is not None:  # its output is of the next finer level
                h = self._kept(level - 1, up.upsampler, h, time)
        return self._kept(0, net.out, h)

    def _kept(self, level: int, block: Block, *inputs: Tensor) -> Tensor:
        """A block's output; a checkpointed block runs again in the backward pass.

        Each block separately, because only one is then in memory at a time.
        """
        if level < self.checkpoint_levels and torch.is_grad_enabled():
            return checkpoint(block, *inputs, use_reentrant=False, preserve_rng_state=False)
        return block(*inputs)


def _attention(level: Any, index: int) -> nn.Module | None:
    """Self-attention after a level's residual block, if there is any."""
    attentions = getattr(level, "attentions", None)
    return None if attentions is None else attentions[index]


def _block(resnet: nn.Module, attention: nn.Module | None) -> Block:
    def block(h: Tensor, time: Tensor) -> Tensor:
        h = resnet(h, time)
        return h if attention is None else attention(h).contiguous()

    return block


def _joined(block: Block) -> Block:
    """A block on its input concatenated with the skip connection."""

    def joined(h: Tensor, skip: Tensor, time: Tensor) -> Tensor:
        return block(torch.cat([h, skip], dim=1), time)

    return joined


def _monai_unet(
    settings: UNetSettings, in_channels: int, out_channels: int
) -> "DiffusionModelUNet":
    from monai.networks.nets.diffusion_model_unet import DiffusionModelUNet  # slow to import

    return DiffusionModelUNet(
        spatial_dims=3,
        in_channels=in_channels,
        out_channels=out_channels,
        num_res_blocks=settings.res_blocks,
        channels=settings.channels,
        attention_levels=settings.attention,
        norm_num_groups=settings.norm_groups,
        num_head_channels=settings.channels,  # one head, as in Med-DDPM
        use_flash_attention=True,  # the same values without quadratic memory
    )


def _set_upsampling(net: nn.Module, mode: str) -> None:
    for module in net.modules():
        if isinstance(module, nn.Upsample):
            module.mode = mode
            module.align_corners = False if mode == "trilinear" else None
