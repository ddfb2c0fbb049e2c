"""A 3D convolutional VAE conditioned on source and interval."""

import math
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from longibench.methods.blocks import AFTER_RELU, IntervalEncoding, keep_variance
from longibench.methods.limits import MOST_LEVELS, MOST_UNITS, MOST_WEIGHT, Channels
from longibench.methods.method import Method, MethodSettings
from longibench.methods.noise import SeededNoise


class VAESettings(MethodSettings):
    """Widths and latent of Kwon et al. 2019 (MICCAI), its 3D VAE-GAN without the GAN, and the loss.

    Attributes:
        channels: Output channels of the encoder's convolutions; each halves the sides.
        hidden: Units of the fully connected layer between convolutions and latent.
        latent: Length of the latent vector.
        loss: ``elbo``: squared error summed over the voxels / (2 sigma^2) plus the KL term summed
            over the latent; ``kwon2019``: that paper's weights. Its mean squared error times 10
            plus the mean KL is the likelihood of a sigma far above the range of intensities (11 on
            the grid of the ``paper`` preset), under which the latent is not used.
        sigma: Standard deviation of p(Y | z, S, Delta) in a voxel, in intensities.
        reconstruction_weight: Of ``kwon2019``: weight of the mean squared error.
    """

    channels: tuple[Channels, ...] = Field(
        (64, 128, 256, 512), min_length=1, max_length=MOST_LEVELS
    )
    hidden: int = Field(2048, ge=1, le=MOST_UNITS)
    latent: int = Field(1000, ge=1, le=MOST_UNITS)
    loss: Literal["elbo", "kwon2019"] = "elbo"
    sigma: float = Field(0.1, gt=0, le=MOST_WEIGHT)
    reconstruction_weight: float = Field(10.0, gt=0, le=MOST_WEIGHT)


class VAE(Method, name="vae"):
    """q(z | Y, S, Delta) and p(Y | z, S, Delta) (Kingma, Welling 2014; Sohn et al. 2015).

    The source enters the decoder only at its coarsest level, so the decoder must generate the
    image: with skip connections from the source it would copy it.
    """

    summary = "conditional 3D VAE: one latent vector, source at the coarsest level"
    paper = "widths of Kwon et al. 2019, MICCAI, LNCS 11766"
    stochastic = True
    Settings = VAESettings
    settings: VAESettings

    def __init__(self, settings: VAESettings, shape: tuple[int, int, int]) -> None:
        super().__init__(settings, shape)
        self.multiple = 2 ** len(settings.channels)
        coarse = tuple(math.ceil(side / self.multiple) for side in shape)
        self._coarse = (settings.channels[-1], *coarse)
        flat, hidden = math.prod(self._coarse), settings.hidden
        self.encoder = _encoder(2, settings.channels)
        self.of_source = _encoder(1, settings.channels)
        self.of_interval = IntervalEncoding(hidden)
        self.to_hidden = nn.Linear(flat, hidden)
        self.to_posterior = nn.Sequential(nn.LeakyReLU(0.2), nn.Linear(hidden, 2 * settings.latent))
        self.from_latent = nn.Linear(settings.latent, hidden)
        self.to_coarse = nn.Sequential(nn.ReLU(), nn.Linear(hidden, flat))
        keep_variance(self.from_latent)  # by default, z drowns in what the source adds
        keep_variance(self.to_coarse, AFTER_RELU)
        self.decoder = _decoder(settings.channels)

    def posterior(self, source: Tensor, target: Tensor, years: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance of q(z | Y, S, Delta), (B, latent) each."""
        features = self.encoder(torch.cat([target, source], dim=1)).flatten(1)
        hidden = self.to_hidden(features) + self.of_interval(years)
        mean, log_variance = self.to_posterior(hidden).chunk(2, dim=1)
        return mean, log_variance.clamp(-30, 20)  # exp stays finite in float32

    def decode(self, latent: Tensor, source: Tensor, years: Tensor) -> Tensor:
        """Mean of p(Y | z, S, Delta), (B, 1, X, Y, Z) in [-1, 1]."""
        hidden = self.from_latent(latent) + self.of_interval(years)
        coarse = self.to_coarse(hidden).reshape(-1, *self._coarse)
        return self.decoder(coarse + self.of_source(source))

    def training_loss(self, source: Tensor, target: Tensor, interval_years: Tensor) -> Tensor:
        """Negative ELBO in nats a voxel, without its constant; or the loss of Kwon et al. 2019."""
        settings = self.settings
        mean, log_variance = self.posterior(source, target, interval_years)
        latent = mean + (0.5 * log_variance).exp() * self.noise.like(mean)
        error = (self.decode(latent, source, interval_years) - target).square().mean()
        divergence = divergence_to_prior(mean, log_variance)
        if settings.loss == "kwon2019":
            return settings.reconstruction_weight * error + divergence.mean() / settings.latent
        return error / (2 * settings.sigma**2) + divergence.mean() / target[0].numel()

    def generate(self, source: Tensor, interval_years: Tensor, seeds: Tensor) -> Tensor:
        """Decode a sample from the prior."""
        latent = SeededNoise(seeds).like(source.new_empty(len(seeds), self.settings.latent))
        return self.decode(latent, source, interval_years)

    def quantities(
        self, source: Tensor, target: Tensor, interval_years: Tensor
    ) -> dict[str, Tensor]:
        """KL of q(z | Y, S, Delta) to the prior, and the volume of the prior's mean."""
        mean, log_variance = self.posterior(source, target, interval_years)
        divergence = divergence_to_prior(mean, log_variance)
        typical = self.decode(torch.zeros_like(mean), source, interval_years)
        return {"KL to the prior, nats": divergence, "RMSE of the prior's mean": typical}

    def describe(self) -> str:
        """The origin of the latent vector, and the likelihood that the network learned with."""
        of_loss = {"elbo": f"sigma {self.settings.sigma:g}", "kwon2019": "weights of Kwon 2019"}
        return f"prior sample, latent {self.settings.latent}, {of_loss[self.settings.loss]}"

    generation_only = (generate, quantities, describe)


def divergence_to_prior(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, exp(log_variance)) || N(0, 1)) in nats, summed over the latent: (B, d) -> (B,)."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1)


def _encoder(in_channels: int, channels: tuple[int, ...]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width in channels:
        layers += [
            nn.Conv3d(in_channels, width, 4, stride=2, padding=1),
            nn.BatchNorm3d(width),
            nn.LeakyReLU(0.2),
        ]
        in_channels = width
    return nn.Sequential(*layers)


def _decoder(channels: tuple[int, ...]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for wide, narrow in zip(channels[::-1], channels[-2::-1], strict=False):
        layers += [
            nn.Upsample(scale_factor=2),
            nn.Conv3d(wide, narrow, 3, padding=1),
            nn.BatchNorm3d(narrow),
            nn.ReLU(),
        ]
    last = [nn.Upsample(scale_factor=2), nn.Conv3d(channels[0], 1, 3, padding=1), nn.Tanh()]
    return nn.Sequential(*layers, *last)
