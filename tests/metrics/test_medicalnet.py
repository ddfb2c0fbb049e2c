"""The network: sizes, names and stride of the authors' trunk, and MONAI's blocks as a check."""

import hashlib

import pytest
import torch
from torch import nn

from longibench.metrics.medicalnet import (
    ARCHITECTURES,
    STRIDED,
    MedicalNet,
    with_random_weights,
    with_state,
)


def on_meta(depth: int) -> MedicalNet:
    with torch.device("meta"):
        return MedicalNet(depth)


@pytest.mark.parametrize(
    ("depth", "parameters", "entries"),
    [
        (10, 14_355_520, 72),
        (18, 32_986_176, 102),
        (34, 63_295_808, 198),
        (50, 46_155_072, 318),
    ],
)
def test_size_of_the_trunk(depth: int, parameters: int, entries: int) -> None:
    network = on_meta(depth)
    assert sum(p.numel() for p in network.parameters()) == parameters
    assert len(network.state_dict()) == entries


@pytest.mark.parametrize("depth", [10, 18, 34, 50, 101])
def test_output_stride_is_8(depth: int) -> None:
    network = on_meta(depth)
    maps = network.stages(torch.empty(1, 1, 64, 48, 64, device="meta"))[-1]
    assert maps.shape == (1, ARCHITECTURES[depth].features, 8, 6, 8)
    assert network(torch.empty(2, 1, 16, 16, 16, device="meta")).shape == (2, maps.shape[1])


def test_shortcuts_by_depth() -> None:
    assert "layer1.0.downsample.0.weight" not in on_meta(10).state_dict()
    assert "layer2.0.downsample.0.weight" in on_meta(10).state_dict()
    assert not any("downsample" in name for name in on_meta(34).state_dict())
    assert "layer1.0.downsample.0.weight" in on_meta(50).state_dict()


@pytest.mark.parametrize("depth", [10, 18, 50])
def test_agrees_with_monai_made_to_dilate(depth: int, volume: torch.Tensor) -> None:
    network = with_random_weights(depth, 0)
    other = by_monai(network, depth)
    dilate(other)
    with torch.inference_mode():
        torch.testing.assert_close(network(volume), other(volume), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("depth", [10, 18, 50])
def test_strided_trunk_is_monai_s(depth: int, volume: torch.Tensor) -> None:
    network = with_random_weights(depth, 0)
    strided = with_state(depth, network.state_dict(), STRIDED)
    with torch.inference_mode():
        found, expected = strided(volume), by_monai(network, depth)(volume)
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
        assert (found - network(volume)).abs().max() > 0.1  # not the authors' features


def test_output_stride_of_the_strided_trunk_is_32() -> None:
    with torch.device("meta"):
        maps = MedicalNet(10, STRIDED).stages(torch.empty(1, 1, 64, 96, 64))
    assert [tuple(m.shape[2:]) for m in maps] == [(16, 24, 16), (8, 12, 8), (4, 6, 4), (2, 3, 2)]


@pytest.fixture
def volume() -> torch.Tensor:
    return torch.rand(1, 1, 24, 32, 24, generator=torch.Generator().manual_seed(0)) * 2 - 1


def by_monai(network: MedicalNet, depth: int) -> nn.Module:
    """MONAI's network with the same weights."""
    from monai.networks.nets import resnet10, resnet18, resnet50

    other = {10: resnet10, 18: resnet18, 50: resnet50}[depth](
        spatial_dims=3,
        n_input_channels=1,
        conv1_t_stride=2,
        feed_forward=False,
        shortcut_type=ARCHITECTURES[depth].shortcut,
        bias_downsample=False,
    ).eval()
    other.load_state_dict(network.state_dict())
    return other


def dilate(network: nn.Module) -> None:
    """Take the strides out of MONAI's layers 3 and 4, as MedicalNet's authors do."""
    for layer, dilation in ((network.layer3, 2), (network.layer4, 4)):
        for module in layer.modules():
            if isinstance(module, nn.Conv3d):
                module.stride = (1, 1, 1)
                if module.kernel_size == (3, 3, 3):
                    module.dilation = module.padding = (dilation,) * 3
        shortcut = layer[0].downsample
        if not isinstance(shortcut, nn.Module):  # shortcut A is a function of the stride
            layer[0].downsample = type(shortcut)(
                shortcut.func, planes=shortcut.keywords["planes"], stride=1, spatial_dims=3
            )


def test_random_weights_are_the_same_on_every_machine() -> None:
    bits = hashlib.sha256()
    for parameter in with_random_weights(10, 0).parameters():
        bits.update(parameter.detach().numpy().tobytes())
    assert bits.hexdigest() == "b39710a061b5e894bfd82f609ce4b292401a6c10dc3c59e2b2751e4765382d6f"


def test_random_weights_keep_the_variance() -> None:
    weights = with_random_weights(10, 1).layer3[0].conv2.weight
    assert weights.var().item() == pytest.approx(2 / weights[0].numel(), rel=0.01)


def test_ready_to_evaluate() -> None:
    network = with_random_weights(10, 0)
    assert not any(module.training for module in network.modules())
    assert torch.equal(network.bn1.running_var, torch.ones(64))
