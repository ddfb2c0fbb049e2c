"""Embeddings of time and voxels folded into channels."""

import math

import pytest
import torch
from einops import rearrange

from longibench.methods.blocks import (
    IntervalEncoding,
    fold,
    over_space,
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


def test_over_space_broadcasts() -> None:
    features = torch.randn(2, 3)
    total = torch.zeros(2, 3, 4, 5, 6) + over_space(features)
    assert torch.equal(total[:, :, 3, 0, 2], features)
