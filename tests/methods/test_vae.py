"""The conditional VAE: its ELBO, its prior, its published size."""

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence

from longibench.methods.vae import VAE, VAESettings, divergence_to_prior

SHAPE = (8, 12, 8)
SETTINGS = VAESettings(channels=(4, 8), hidden=16, latent=6, sigma=0.5)
VOXELS = 8 * 12 * 8

Batch = tuple[Tensor, Tensor, Tensor]


@pytest.fixture
def vae() -> VAE:
    torch.manual_seed(0)
    return VAE(SETTINGS, SHAPE).eval()  # running statistics: a sample does not see its batch


@pytest.fixture
def batch() -> Batch:
    """Sources, targets, intervals."""
    generator = torch.Generator().manual_seed(1)
    source, target = torch.rand(2, 3, 1, *SHAPE, generator=generator) * 2 - 1
    return source, target, torch.tensor([1.0, 2.0, 5.0])


def last_layer(vae: VAE) -> nn.Linear:
    """The layer whose output is mean and log variance."""
    layer = vae.to_posterior[-1]
    assert isinstance(layer, nn.Linear)
    return layer


def test_loss_is_the_negative_elbo_a_voxel(vae: VAE, batch: Batch) -> None:
    """-log N(Y | decoded, sigma^2) + KL, summed, without the likelihood's constant."""
    source, target, years = batch
    mean, log_variance = vae.posterior(source, target, years)
    posterior = Normal(mean, (0.5 * log_variance).exp())
    torch.manual_seed(7)
    latent = mean + posterior.stddev * torch.randn(mean.shape)
    likelihood = Normal(vae.decode(latent, source, years), 0.5)
    constant = Normal(0.0, 0.5).log_prob(torch.tensor(0.0))
    error = (constant - likelihood.log_prob(target)).sum(dim=(1, 2, 3, 4))
    divergence = kl_divergence(posterior, Normal(0.0, 1.0)).sum(dim=1)
    torch.manual_seed(7)
    loss = vae.training_loss(source, target, years)
    torch.testing.assert_close(loss, (error + divergence).mean() / VOXELS)
    torch.testing.assert_close(divergence_to_prior(mean, log_variance), divergence)


def test_the_weights_of_kwon_et_al_are_there_by_name(batch: Batch) -> None:
    """10 mean squared errors plus the mean KL: a likelihood of sigma^2 = voxels / (20 latent)."""
    torch.manual_seed(0)
    own = {"loss": "kwon2019", "reconstruction_weight": 3.0}
    vae = VAE(VAESettings.model_validate({**SETTINGS.model_dump(), **own}), SHAPE).eval()
    source, target, years = batch
    mean, log_variance = vae.posterior(source, target, years)
    posterior = Normal(mean, (0.5 * log_variance).exp())
    torch.manual_seed(7)
    latent = mean + posterior.stddev * torch.randn(mean.shape)
    error = nn.functional.mse_loss(vae.decode(latent, source, years), target)
    divergence = kl_divergence(posterior, Normal(0.0, 1.0)).mean()
    torch.manual_seed(7)
    loss = vae.training_loss(source, target, years)
    torch.testing.assert_close(loss, 3.0 * error + divergence)
    assert divergence > 0


def test_a_standard_normal_posterior_costs_nothing(vae: VAE, batch: Batch) -> None:
    source, target, years = batch
    for parameter in last_layer(vae).parameters():
        nn.init.zeros_(parameter)
    torch.manual_seed(7)
    latent = torch.randn(3, SETTINGS.latent)
    error = nn.functional.mse_loss(vae.decode(latent, source, years), target)
    torch.manual_seed(7)
    torch.testing.assert_close(vae.training_loss(source, target, years), error / (2 * 0.5**2))


def test_divergence_of_a_shifted_posterior_is_half_its_square(vae: VAE, batch: Batch) -> None:
    """KL(N(m, 1) || N(0, 1)) = m^2 / 2, summed over the latent."""
    source, target, years = batch
    last = last_layer(vae)
    nn.init.zeros_(last.weight)
    with torch.no_grad():
        last.bias.copy_(torch.tensor([2.0] * SETTINGS.latent + [0.0] * SETTINGS.latent))
    torch.manual_seed(7)
    latent = 2 + torch.randn(3, SETTINGS.latent)
    error = nn.functional.mse_loss(vae.decode(latent, source, years), target)
    torch.manual_seed(7)
    expected = error / (2 * 0.5**2) + 2.0 * SETTINGS.latent / VOXELS
    torch.testing.assert_close(vae.training_loss(source, target, years), expected)


def test_a_wild_posterior_stays_finite(vae: VAE, batch: Batch) -> None:
    with torch.no_grad():
        last_layer(vae).bias[SETTINGS.latent :] = 1e6
    assert torch.isfinite(vae.training_loss(*batch))


def test_generation_decodes_a_prior_draw_of_the_seed(vae: VAE, batch: Batch) -> None:
    source, _, years = batch
    seeds = torch.tensor([3, 4, 5])
    draws = [
        torch.randn(SETTINGS.latent, generator=torch.Generator().manual_seed(s)) for s in (3, 4, 5)
    ]
    expected = vae.decode(torch.stack(draws), source, years)
    torch.testing.assert_close(vae.generate(source, years, seeds), expected)


def test_generation_reacts_to_seed_source_and_interval(vae: VAE, batch: Batch) -> None:
    source, target, years = batch
    seeds = torch.tensor([3, 4, 5])
    volume = vae.generate(source, years, seeds)
    assert volume.shape == source.shape
    assert volume.abs().max() <= 1
    assert not torch.allclose(vae.generate(source, years, seeds + 9), volume)
    assert not torch.allclose(vae.generate(target, years, seeds), volume)
    assert not torch.allclose(vae.generate(source, years + 1, seeds), volume)


def test_sides_follow_the_padded_grid() -> None:
    """A side that the strides do not divide is padded by the harness, so the net expects that."""
    method = VAE(SETTINGS, (7, 12, 5)).eval()
    assert method.multiple == 4
    source = torch.zeros(1, 1, 8, 12, 8)
    assert method.generate(source, torch.ones(1), torch.ones(1)).shape == source.shape


def test_published_size_on_the_published_grid() -> None:
    """Kwon et al. 2019 on 64^3: 32768 features, 2048 units, 1000 latent dimensions."""
    with torch.device("meta"):
        method = VAE(VAESettings(), (64, 64, 64))
    assert (method.to_hidden.in_features, method.to_hidden.out_features) == (32768, 2048)
    assert method.from_latent.in_features == 1000
    assert last_layer(method).out_features == 2000


def test_diagnostic_quantities_are_kl_in_nats_and_the_decoded_prior_mean(
    vae: VAE, batch: Batch
) -> None:
    source, _, years = batch
    mean, log_variance = vae.posterior(*batch)
    posterior = Normal(mean, (0.5 * log_variance).exp())
    divergence, typical = vae.quantities(*batch).values()
    torch.testing.assert_close(divergence, kl_divergence(posterior, Normal(0.0, 1.0)).sum(1))
    torch.testing.assert_close(typical, vae.decode(torch.zeros(3, 6), source, years))
