"""Eq. (11): F(x_t) + H(S) + P(Delta), summed as feature maps, then the U-Net."""

import pytest
import torch
from torch import Tensor, nn

from longibench.methods.med_ddpm import MedDDPM, MedDDPMSettings
from longibench.methods.ours import Ours, OursSettings

SHAPE = (8, 12, 8)
SETTINGS = OursSettings.model_validate(
    {
        "width": 4,
        "unet": {"channels": [4, 8], "attention": [False, True], "norm_groups": 4},
        "diffusion": {"sampler": {"kind": "ddim", "steps": 2}},
    }
)


@pytest.fixture
def ours() -> Ours:
    """The method with random weights everywhere; MONAI starts its last layers at zero."""
    torch.manual_seed(0)
    method = Ours(SETTINGS, SHAPE)
    for parameter in method.parameters():
        nn.init.normal_(parameter, std=0.2)
    return method


@pytest.fixture
def batch() -> tuple[Tensor, Tensor, Tensor]:
    """Sources, noisy targets, intervals."""
    generator = torch.Generator().manual_seed(1)
    source, noisy = torch.randn(2, 2, 1, *SHAPE, generator=generator)
    return source, noisy, torch.tensor([1.0, 4.0])


def output(method: Ours, source: Tensor, noisy: Tensor, years: Tensor) -> Tensor:
    """What the network returns at one diffusion time."""
    return method.denoise(noisy, torch.tensor([3, 700]), method.condition(source, years))


def silence(features: nn.Module) -> None:
    """Zero the last layer, so that nothing passes."""
    last = [m for m in features.modules() if isinstance(m, nn.Conv3d | nn.Linear)][-1]
    for parameter in last.parameters():
        nn.init.zeros_(parameter)


def test_the_unet_sees_the_sum_of_three_feature_maps(
    ours: Ours, batch: tuple[Tensor, Tensor, Tensor]
) -> None:
    source, noisy, years = batch
    seen: list[Tensor] = []
    ours.unet.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    output(ours, source, noisy, years)
    interval = ours.of_interval(years, source.shape[2:])
    torch.testing.assert_close(seen[0], ours.of_noisy(noisy) + ours.of_source(source) + interval)


def test_the_source_has_no_path_but_its_feature_map(
    ours: Ours, batch: tuple[Tensor, Tensor, Tensor]
) -> None:
    source, noisy, years = batch
    silence(ours.of_source)
    expected = output(ours, source, noisy, years)
    assert torch.equal(output(ours, source.flip(0) * 3, noisy, years), expected)
    source.requires_grad_()
    output(ours, source, noisy, years).sum().backward()
    assert source.grad is not None
    assert not source.grad.any()


def test_the_interval_has_no_path_but_its_feature_map(
    ours: Ours, batch: tuple[Tensor, Tensor, Tensor]
) -> None:
    source, noisy, years = batch
    expected = output(ours, source, noisy, years)
    assert not torch.allclose(output(ours, source, noisy, years + 1), expected)
    silence(ours.of_interval)
    expected = output(ours, source, noisy, years)
    assert torch.equal(output(ours, source, noisy, years + 1), expected)


def test_the_output_listens_to_every_input(
    ours: Ours, batch: tuple[Tensor, Tensor, Tensor]
) -> None:
    inputs = [part.clone().requires_grad_() for part in batch]
    output(ours, *inputs).square().sum().backward()
    for part in inputs:
        assert part.grad is not None
        assert part.grad.any()


def test_samples_of_a_batch_do_not_mix(ours: Ours, batch: tuple[Tensor, Tensor, Tensor]) -> None:
    source, noisy, years = batch
    source.requires_grad_()
    output(ours, source, noisy, years)[0].sum().backward()
    assert source.grad is not None
    assert source.grad[0].any()
    assert not source.grad[1].any()


def test_width_and_depth_are_settings() -> None:
    settings = SETTINGS.model_copy(update={"width": 8, "depth": 3})
    method = Ours(settings, SHAPE)
    convolutions = [m for m in method.of_source if isinstance(m, nn.Conv3d)]
    assert [c.out_channels for c in convolutions] == [8, 8, 8]
    assert next(method.unet.parameters()).shape[1] == 8  # the U-Net's first convolution


@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("grid", [(1, 1, 1), (2, 3, 2)])
def test_the_three_maps_start_with_equal_variance(depth: int, grid: tuple[int, int, int]) -> None:
    torch.manual_seed(0)
    values = {"width": 64, "depth": depth, "interval_grid": grid, "unet": {"channels": [32, 32]}}
    values["unet"] |= {"attention": [False, False]}
    method = Ours(OursSettings.model_validate(values), SHAPE)
    unit = torch.randn(4, 1, *SHAPE)
    maps = (
        method.of_noisy(unit),
        method.of_source(unit),
        method.of_interval(torch.arange(5.0), torch.Size(SHAPE)),
    )
    for spread in (float(found.detach().std()) for found in maps):
        assert spread == pytest.approx(1, rel=0.25)  # zeros outside the volume take some


def test_the_time_embedding_does_not_get_the_interval(
    ours: Ours, batch: tuple[Tensor, Tensor, Tensor]
) -> None:
    """Eq. (11): E and D get t; Delta enters by P alone."""
    source, noisy, years = batch
    times: list[Tensor] = []
    ours.unet.net.time_embed.register_forward_pre_hook(lambda _, inputs: times.append(inputs[0]))
    output(ours, source, noisy, years)
    output(ours, source, noisy, years + 3)
    assert torch.equal(*times)


def test_with_one_convolution_it_is_med_ddpms_network_without_the_interval() -> None:
    """F(x_t) + H(S) is then the first convolution on the concatenation of x_t and S."""
    unet = {"channels": [4, 8], "attention": [False, True], "norm_groups": 4}
    torch.manual_seed(0)
    other = MedDDPM(MedDDPMSettings.model_validate({"unet": unet}), SHAPE)
    method = Ours(OursSettings.model_validate({"unet": unet, "width": 4, "depth": 1}), SHAPE)
    for parameter in other.parameters():
        nn.init.normal_(parameter, std=0.2)
    first = other.unet.net.conv_in.conv
    with torch.no_grad():
        method.unet.load_state_dict({**other.unet.state_dict(), **_identity(method)})
        method.of_noisy[0].weight.copy_(first.weight[:, :1])
        method.of_source[0].weight.copy_(first.weight[:, 1:])
        method.of_noisy[0].bias.copy_(first.bias)
    silence(method.of_interval)
    x_t, source = torch.randn(2, 2, 1, *SHAPE)
    times, years = torch.tensor([3, 700]), torch.tensor([1.0, 4.0])
    torch.testing.assert_close(
        method.denoise(x_t, times, method.condition(source, years)),
        other.denoise(x_t, times, other.condition(source, years)),
    )


def _identity(method: Ours) -> dict[str, Tensor]:
    """Weights of a U-Net's first convolution that changes nothing."""
    first = method.unet.net.conv_in.conv
    weight = nn.init.dirac_(torch.empty_like(first.weight))
    return {"net.conv_in.conv.weight": weight, "net.conv_in.conv.bias": torch.zeros(4)}
