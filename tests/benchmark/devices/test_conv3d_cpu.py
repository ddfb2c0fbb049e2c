"""Tests of ``benchmark.devices.conv3d_cpu``."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from longibench.benchmark.devices.conv3d_cpu import FastConvolution, fast_convolutions
from longibench.methods.unet import AttentionUNet, UNetSettings

SETTINGS = UNetSettings(channels=(8, 16, 24), attention=(False, False, True), norm_groups=8)
ONE_THREAD = pytest.param(1, id="one thread")
CASES: dict[str, tuple[int, int, int, dict[str, Any]]] = {
    "padded": (1, 6, 3, {"padding": 1}),
    "odd": (1, 5, 3, {"padding": (1, 0, 1)}),
    "strided": (1, 6, 3, {"stride": 2, "padding": 1}),
    "dilated": (1, 6, 3, {"dilation": (2, 1, 2)}),
    "same": (1, 6, 3, {"padding": "same"}),
    "pointwise": (1, 6, 1, {}),
    "pointwise, named": (1, 6, 1, {"stride": (1, 1, 1), "padding": "same"}),
    "pointwise, strided": (1, 5, 1, {"stride": 2}),
    "pointwise, padded": (1, 6, 1, {"padding": 1}),
    "pointwise, batch": (3, 6, 1, {}),
    "wide": (1, 6, 5, {"padding": 2}),
    "batch": (3, 6, 3, {"padding": 1}),
    "grouped": (1, 6, 3, {"groups": 2}),
}


@pytest.fixture(params=[ONE_THREAD, pytest.param(2, id="two threads")])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.fixture
def unet() -> AttentionUNet:
    torch.manual_seed(0)
    network = AttentionUNet(SETTINGS, 2, 1)
    for weight in network.parameters():
        if not weight.any():  # MONAI initialises some convolutions at zero, which would hide them
            nn.init.normal_(weight, std=0.05)
    return network


def operations(network: nn.Module) -> set[str]:
    """Names of the operations of one volume's forward and backward pass."""
    x = torch.randn(1, 2, 8, 12, 8)
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        network(x, torch.tensor([3])).square().mean().backward()
    return {event.key for event in profiler.key_averages()}


def results(network: nn.Module) -> list[Tensor]:
    x = torch.randn(1, 2, 8, 12, 8, generator=torch.Generator().manual_seed(0))
    output = network(x, torch.tensor([3]))
    return [output, *torch.autograd.grad(output.square().mean(), list(network.parameters()))]


@pytest.mark.usefixtures("threads")
def test_a_unet_never_takes_the_slow_path(unet: AttentionUNet) -> None:
    assert any("slow_conv" in name for name in operations(unet))
    with fast_convolutions("cpu"):
        names = operations(unet)
    assert "aten::mkldnn_convolution" in names
    assert not [name for name in names if "slow_conv" in name]


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last_3d])
def test_a_unet_gives_the_same_numbers(unet: AttentionUNet, layout: torch.memory_format) -> None:
    unet.to(memory_format=layout)  # type: ignore[call-overload]  # stubs are for 4D only
    expected = results(unet)
    with fast_convolutions("cpu"):
        found = results(unet)
    scale = max(float(gradient.abs().max()) for gradient in expected[1:])
    torch.testing.assert_close(found[0], expected[0], atol=1e-5, rtol=0)
    for ours, theirs in zip(found[1:], expected[1:], strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-5 * scale, rtol=0)


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("case", CASES)
def test_a_convolution_keeps_its_result(case: str) -> None:
    batch, out, kernel, options = CASES[case]
    torch.manual_seed(0)
    x = torch.randn(batch, 4, 7, 6, 5, requires_grad=True)
    weight = torch.randn(
        out, 4 // options.get("groups", 1), kernel, kernel, kernel, requires_grad=True
    )
    bias = torch.randn(out, requires_grad=True)
    expected = F.conv3d(x, weight, bias, **options)
    with FastConvolution():
        found = F.conv3d(x, weight, bias, **options)
    torch.testing.assert_close(found, expected, atol=2e-5, rtol=1e-5)
    upstream = torch.randn_like(expected)
    for ours, theirs in zip(
        torch.autograd.grad(found, (x, weight, bias), upstream),
        torch.autograd.grad(expected, (x, weight, bias), upstream),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-5)


def test_gradients_have_gradients() -> None:
    """For example for the gradient penalty of a critic."""
    x, weight = torch.randn(1, 4, 5, 5, 5, requires_grad=True), torch.randn(2, 4, 3, 3, 3)
    with FastConvolution():
        slope = torch.autograd.grad(F.conv3d(x, weight).square().sum(), x, create_graph=True)[0]
    slope.square().sum().backward()
    found, x.grad = x.grad, None
    slope = torch.autograd.grad(F.conv3d(x, weight).square().sum(), x, create_graph=True)[0]
    slope.square().sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(found, x.grad, rtol=1e-4, atol=1e-2)


def test_other_types_and_devices_are_unchanged() -> None:
    x, weight = torch.randn(1, 4, 5, 5, 5).double(), torch.randn(2, 4, 3, 3, 3).double()
    with fast_convolutions("cpu"):
        torch.testing.assert_close(F.conv3d(x, weight), torch.conv3d(x, weight), rtol=0, atol=0)
        assert F.conv3d(x[0], weight).shape == (2, 3, 3, 3)
    assert not isinstance(fast_convolutions("cuda"), FastConvolution)
