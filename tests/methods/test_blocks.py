"""Embeddings of time and voxels folded into channels."""

import math

import pytest
import torch
from einops import rearrange
from torch import nn

from longibench.methods.blocks import (
    AFTER_SILU,
    IntervalEncoding,
    IntervalMaps,
    fold,
    keep_variance,
    sinusoidal_embedding,
    unfold,
)


@pytest.mark.parametrize("patch", [1, 2, 4])
@pytest.mark.parametrize("channels", [1, 3])
def test_unfold_undoes_fold(patch: int, channels: int) -> None:
    volume = torch.randn(2, channels, 8, 12, 4)
    folded = fold(volume, patch)
    assert folded.shape == (2, channels * patch**3, 8 // patch, 12 // patch, 4 // patch)
    assert torch.equal(unfold(folded, patch), volume)


def test_fold_agrees_with_einops() -> None:
    volume = torch.randn(2, 3, 8, 12, 4)
    expected = rearrange(volume, "b c (x i) (y j) (z k) -> b (c i j k) x y z", i=2, j=2, k=2)
    assert torch.equal(fold(volume, 2), expected)


def test_embedding_at_zero_is_cosines_then_sines() -> None:
    values = sinusoidal_embedding(torch.zeros(1), 8, 1000.0)
    assert torch.equal(values, torch.tensor([[1.0] * 4 + [0.0] * 4]))


def test_embedding_of_known_positions() -> None:
    """Frequencies of dim 4 and period 100 are 1 and 1/10 radian a unit."""
    values = sinusoidal_embedding(torch.tensor([0.5, 20.0]), 4, 100.0)
    expected = [
        [math.cos(0.5), math.cos(0.05), math.sin(0.5), math.sin(0.05)],
        [math.cos(20), math.cos(2), math.sin(20), math.sin(2)],
    ]
    torch.testing.assert_close(values, torch.tensor(expected))


@pytest.mark.parametrize("period", [1000, 10000])
def test_embedding_agrees_with_monai(period: int) -> None:
    from monai.networks.nets.diffusion_model_unet import get_timestep_embedding

    times = torch.tensor([0, 1, 17, 249, 999])
    expected = get_timestep_embedding(times, 64, max_period=period)
    torch.testing.assert_close(sinusoidal_embedding(times, 64, period), expected)


def test_whole_years_and_the_months_between_are_told_apart() -> None:
    """Neighbouring intervals are nearer to each other than distant ones: nothing is aliased."""
    months = torch.arange(0, 61) / 12
    codes = sinusoidal_embedding(months, 32, 1000.0)
    distance = torch.cdist(codes, codes)[0]
    assert (distance[1:] > 0).all()
    assert (distance[:37].diff() > 0).all()  # grows over the first three years


def test_interval_encoding_maps_years_to_features() -> None:
    torch.manual_seed(0)
    encode = IntervalEncoding(6)
    features = encode(torch.tensor([1.0, 5.0]))
    assert features.shape == (2, 6)
    assert not torch.allclose(features[0], features[1])
    torch.testing.assert_close(features[1:], encode(torch.tensor([5.0])))


def test_interval_maps_are_a_weighted_sum_of_maps() -> None:
    """P(Delta)(x) = sum_k e_k(Delta) M_k(x), so that of three intervals the second map may lie off
    the line between the others."""
    maps, size = IntervalMaps(2, (3, 2, 2)), torch.Size((3, 2, 2))
    years = torch.tensor([1.0, 5.0])
    code = sinusoidal_embedding(years, 8, 20.0)
    weights = maps.maps.weight.reshape(2, 3, 2, 2, 8)
    expected = torch.einsum("bk,cxyzk->bcxyz", code, weights) + maps.maps.bias.reshape(2, 3, 2, 2)
    torch.testing.assert_close(maps(years, size), expected)


def test_coarse_maps_are_interpolated_and_a_single_point_is_constant() -> None:
    years, size = torch.tensor([1.0]), torch.Size((4, 6, 4))
    assert IntervalMaps(3, (2, 3, 2))(years, size).shape == (1, 3, 4, 6, 4)
    constant = IntervalMaps(3, (1, 1, 1))(years, size)
    assert (torch.zeros(1, 3, 4, 6, 4) + constant).std(dim=(2, 3, 4)).max() == 0


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_variance_is_kept_whatever_the_depth(depth: int) -> None:
    torch.manual_seed(0)
    layers: list[nn.Module] = [nn.Linear(64, 256)]
    for _ in range(depth - 1):
        layers += [nn.SiLU(), nn.Linear(256, 256)]
    network = nn.Sequential(*layers)
    keep_variance(network)
    assert float(network(torch.randn(512, 64)).detach().std()) == pytest.approx(1, rel=0.1)
    keep_variance(network, mean_square=4.0)
    assert float(network(2 * torch.randn(512, 64)).detach().std()) == pytest.approx(1, rel=0.1)


def test_what_silu_leaves_of_a_unit_variance() -> None:
    z = torch.linspace(-8, 8, 100_001, dtype=torch.float64)
    weights = torch.exp(-z.square() / 2)
    after = (weights * nn.functional.silu(z).square()).sum() / weights.sum()
    assert float(after) == pytest.approx(AFTER_SILU, abs=1e-4)
