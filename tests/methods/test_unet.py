"""The attention U-Net: Med-DDPM's size, and its two departures from MONAI's network."""

import pytest
import torch
from monai.networks.nets import diffusion_model_unet
from pydantic import ValidationError
from torch import Tensor, nn

from longibench.methods.conditional_diffusion import ConditionalDiffusion
from longibench.methods.med_ddpm import MedDDPM, MedDDPMSettings
from longibench.methods.method import REGISTRY
from longibench.methods.ours import Ours  # noqa: F401 - registers it
from longibench.methods.unet import AttentionUNet, UNetSettings

SMALL = UNetSettings(channels=(4, 8), attention=(False, True), norm_groups=4)
SHAPE = (8, 12, 8)
TIMES = torch.tensor([3, 900])


def network(*, time_period: float = 10000.0, upsampling: str = "nearest") -> AttentionUNet:
    """The same random weights at every call; MONAI starts its last layers at zero."""
    own = {"time_period": time_period, "upsampling": upsampling}
    net = AttentionUNet(UNetSettings.model_validate({**SMALL.model_dump(), **own}), 2, 1)
    generator = torch.Generator().manual_seed(0)
    for parameter in net.parameters():
        nn.init.normal_(parameter, std=0.2, generator=generator)
    return net.eval()


@pytest.fixture
def volume() -> Tensor:
    return torch.randn(2, 2, *SHAPE, generator=torch.Generator().manual_seed(1))


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_med_ddpm_has_the_published_number_of_parameters() -> None:
    with torch.device("meta"):
        method = MedDDPM(MedDDPMSettings(), (128, 160, 128))
    assert count(method) == 40_224_705
    assert method.multiple == 16


@pytest.mark.parametrize(("inputs", "published"), [(1, 40_222_977), (3, 40_226_433)])
def test_other_published_counts(inputs: int, published: int) -> None:
    """Without a condition, and with the original's two masks."""
    with torch.device("meta"):
        assert count(AttentionUNet(UNetSettings(), inputs, 1)) == published


def test_monais_choices_give_monais_output(volume: Tensor) -> None:
    net = network()
    with torch.no_grad():
        assert torch.equal(net(volume, TIMES), net.net(volume, TIMES))


def test_the_period_is_med_ddpms(volume: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    net = network(time_period=1000.0)
    original = diffusion_model_unet.get_timestep_embedding
    with torch.no_grad():
        output = net(volume, TIMES)
        assert not torch.allclose(output, net.net(volume, TIMES))
        monkeypatch.setattr(
            diffusion_model_unet,
            "get_timestep_embedding",
            lambda timesteps, embedding_dim: original(timesteps, embedding_dim, max_period=1000),
        )
        torch.testing.assert_close(output, net.net(volume, TIMES))


def test_upsampling_is_trilinear(volume: Tensor) -> None:
    net, seen = network(upsampling="trilinear"), []
    for module in net.modules():
        if isinstance(module, nn.Upsample):
            module.register_forward_hook(lambda _, inputs, output: seen.append((inputs[0], output)))
    with torch.no_grad():
        smooth = net(volume, TIMES)
        assert not torch.allclose(smooth, network()(volume, TIMES))
    assert len(seen) == 1  # two levels
    coarse, fine = seen[0]
    expected = nn.functional.interpolate(coarse, scale_factor=2, mode="trilinear")
    assert torch.equal(fine, expected)


@pytest.mark.parametrize("name", ["med-ddpm", "ours"])
def test_both_diffusion_rows_use_both(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with torch.device("meta"):
        method = REGISTRY[name](REGISTRY[name].Settings(), (16, 16, 16))
    assert isinstance(method, ConditionalDiffusion)
    modes = {m.mode for m in method.modules() if isinstance(m, nn.Upsample)}
    periods: list[float] = []

    def embedding(values: Tensor, dim: int, period: float) -> Tensor:
        periods.append(period)
        return torch.zeros(len(values), dim, device="meta")

    monkeypatch.setattr("longibench.methods.unet.sinusoidal_embedding", embedding)
    volume, time = torch.empty(1, 1, 16, 16, 16, device="meta"), torch.ones(1, device="meta")
    method.denoise(volume, time, method.condition(volume, time))
    assert modes == {"trilinear"}
    assert periods[-1] == 1000.0  # the last one embeds the time, those before it the interval


def test_med_ddpm_sees_image_then_condition() -> None:
    method = MedDDPM(
        MedDDPMSettings(unet=SMALL),
        SHAPE,
    )
    seen: list[Tensor] = []
    method.unet.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    source, noisy = torch.randn(2, 2, 1, *SHAPE)
    condition = method.condition(source, torch.ones(2))
    method.denoise(noisy, TIMES, condition)
    assert torch.equal(seen[0], torch.cat([noisy, source], dim=1))


def test_attention_stands_where_the_settings_say() -> None:
    """Med-DDPM: on the fourth of five levels (ds 8) and in the middle."""
    with torch.device("meta"):
        net = AttentionUNet(UNetSettings(), 2, 1).net
    attends = [any("Attention" in type(m).__name__ for m in b.modules()) for b in net.down_blocks]
    assert attends == [False, False, False, True, False]
    assert any("Attention" in type(m).__name__ for m in net.middle_block.modules())


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"channels": [8, 8], "attention": [True]}, "one entry per level"),
        ({"norm_groups": 48}, "norm_groups=48 must divide"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        UNetSettings.model_validate(values)


@pytest.mark.parametrize("levels", [1, 2])
def test_checkpointed_levels_keep_less_and_give_the_same_gradients(
    volume: Tensor, levels: int
) -> None:
    kept, gradients = [], []
    for count_of_levels in (0, levels):
        net = network()
        net.checkpoint_levels = count_of_levels
        storages: dict[int, int] = {}

        def pack(tensor: Tensor, seen: dict[int, int] = storages) -> Tensor:
            seen[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            loss = net(volume, TIMES).square().mean()
        kept.append(sum(storages.values()))
        loss.backward()
        gradients.append([parameter.grad for parameter in net.parameters()])
    assert kept[1] < 0.8 * kept[0]
    for exact, again in zip(*gradients, strict=True):
        torch.testing.assert_close(exact, again)
