"""Med-DDPM conditioned on the source MRI instead of the original's label masks."""

import torch
from torch import Tensor

from longibench.methods.conditional_diffusion import (
    SAMPLING,
    ConditionalDiffusion,
    ConditionalDiffusionSettings,
)
from longibench.methods.diffusion import DiffusionSettings
from longibench.methods.noise_schedule import ScheduleSettings
from longibench.methods.samplers import SamplerSettings
from longibench.methods.unet import AttentionUNet

PUBLISHED_DIFFUSION = DiffusionSettings(
    schedule=ScheduleSettings(kind="cosine", steps=250),
    prediction="epsilon",
    loss="l1",
    sampler=SamplerSettings(kind="ddpm", steps=250, clip=True),
)


class MedDDPMSettings(ConditionalDiffusionSettings):
    """Settings of ``med-ddpm``; the defaults are the published ones (40,224,705 parameters)."""

    diffusion: DiffusionSettings = PUBLISHED_DIFFUSION


class MedDDPM(ConditionalDiffusion[MedDDPMSettings], name="med-ddpm"):
    """Concatenates the condition to x_t (Dorjsembe et al. 2024, section III).

    The original has no interval input, and none is added: its follow-ups differ only by the noise,
    which all visits of a subject share, so they are identical.
    """

    summary = "Med-DDPM: the source concatenated to the noisy image; no interval input"
    paper = "Dorjsembe et al. 2024, doi:10.1109/JBHI.2024.3385504"
    conditions_on = ("source",)
    Settings = MedDDPMSettings
    generation_only = SAMPLING

    def __init__(self, settings: MedDDPMSettings, shape: tuple[int, int, int]) -> None:
        super().__init__(settings, shape)
        channels = settings.patch**3
        self.unet = AttentionUNet(settings.unet, 2 * channels, channels)

    def condition(self, source: Tensor, interval_years: Tensor) -> Tensor:
        """The source itself."""
        return source

    def denoise(self, x_t: Tensor, t: Tensor, condition: Tensor) -> Tensor:
        """The U-Net on the concatenated image and condition."""
        return self.unet(torch.cat([x_t, condition], dim=1), t)
