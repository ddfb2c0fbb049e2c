"""The presets' networks are real: built at full size without memory, run once on a small grid."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from longibench.benchmark.settings.loading import load_settings
from longibench.benchmark.training.pair_loader import pad_to_multiple
from longibench.benchmark.training.recipe import Recipe
from longibench.methods.conditional_diffusion import ConditionalDiffusion
from longibench.methods.method import Method
from longibench.methods.vae import VAE

HALF, PAPER = (64, 80, 64), (128, 160, 128)
GRIDS = {"half": HALF, "paper": PAPER, "paper-shared": PAPER}
MED_DDPM = 40_224_705  # the published network with one image and one condition
# The same network on 64 feature maps (27 * 64 weights each more), F and H of two convolutions, P of
# eight maps and a constant.
OURS = MED_DDPM + 62 * 27 * 64 + 2 * (28 * 64 + (27 * 64 + 1) * 64) + 9 * 64
PARAMETERS = {
    ("half", "ours"): OURS,
    ("half", "med-ddpm"): MED_DDPM,
    ("half", "vae"): 204_913_233,
    ("paper", "ours"): OURS,
    ("paper", "med-ddpm"): MED_DDPM,
    ("paper", "vae"): 245_550_161,
}
CELLS = [(preset, name) for preset in GRIDS for name in ("vae", "med-ddpm", "ours")]


def build(preset: str, name: str, overrides: tuple[str, ...] = ()) -> Method:
    return Recipe.of(name, load_settings(preset, overrides)).build()


def output_shape(method: Method, source: Tensor) -> torch.Size:
    """Shape of one network output, on meta tensors."""
    one = torch.ones(1, device="meta")
    if isinstance(method, ConditionalDiffusion):
        return method.denoise(source, one, method.condition(source, one)).shape
    assert isinstance(method, VAE)
    return method.decode(torch.empty(1, method.settings.latent, device="meta"), source, one).shape


@pytest.mark.parametrize(("preset", "name"), CELLS)
def test_full_size_on_the_meta_device(preset: str, name: str) -> None:
    with torch.device("meta"):
        method = build(preset, name)
    source = torch.empty(1, 1, *GRIDS[preset], device="meta")
    assert method.shape == GRIDS[preset]
    assert pad_to_multiple(source, method.multiple).shape == source.shape  # the grid fits
    assert output_shape(method, source) == source.shape
    count = sum(parameter.numel() for parameter in method.parameters())
    assert count == PARAMETERS[preset.removesuffix("-shared"), name]


def test_the_page_lists_the_papers_numbers_of_parameters() -> None:
    page = (Path(__file__).parents[2] / "docs" / "paper-settings.md").read_text()
    for name in ("vae", "med-ddpm", "ours"):
        assert f"`{name}` {PARAMETERS['paper', name]:,}" in page


@pytest.mark.parametrize("name", ["vae", "ours"])
def test_equal_budget_is_the_only_difference_of_paper_shared(name: str) -> None:
    paper, shared = load_settings("paper"), load_settings("paper-shared")
    assert Recipe.of(name, shared) == Recipe.of(name, paper)
    assert shared.training_of(name) == paper.training_of("ours")


@pytest.mark.parametrize("preset", ["demo", "paper-shared"])
def test_the_diffusion_rows_differ_by_their_conditioning_only(preset: str) -> None:
    """They share schedule, target, loss, steps, U-Net with upsampling and time period, training."""
    settings = load_settings(preset)
    ours, other = (Recipe.of(name, settings).values for name in ("ours", "med-ddpm"))
    assert ours.keys() - other.keys() == {"width", "depth", "interval_grid"}
    assert {key: ours[key] for key in other} == other
    assert settings.training_of("ours") == settings.training_of("med-ddpm")


def test_the_paper_presets_diffusion_is_the_papers() -> None:
    """Section IV.B: T = 1000, linear 1e-4 to 0.02, noise as the target, every step sampled."""
    settings = load_settings("paper")
    own = Recipe.of("ours", settings).values["diffusion"]
    assert {**own, "image_spread": None} == {
        "image_spread": None,  # of another prediction
        "schedule": {"kind": "linear", "steps": 1000, "beta_start": 1e-4, "beta_end": 0.02},
        "prediction": "epsilon",
        "loss": "l2",
        "sampler": {"kind": "ddpm", "steps": 1000, "eta": 0.0, "clip": False},
    }
    training = settings.training_of("ours")
    assert (training.iterations, training.batch_size, training.learning_rate) == (300_000, 1, 1e-3)
    assert training.ema.decay == 0


def test_the_paper_presets_med_ddpm_is_the_published_one() -> None:
    settings = load_settings("paper")
    own = Recipe.of("med-ddpm", settings).values["diffusion"]
    assert (own["schedule"]["kind"], own["schedule"]["steps"]) == ("cosine", 250)
    assert (own["prediction"], own["loss"]) == ("epsilon", "l1")
    assert own["sampler"] == {"kind": "ddpm", "steps": 250, "eta": 0.0, "clip": True}
    training = settings.training_of("med-ddpm")
    assert (training.learning_rate, training.batch_size) == (1e-5, 2)
    assert training.ema.model_dump() == {"decay": 0.995, "every": 10, "start": 2000}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vae", "med-ddpm", "ours"])
def test_one_training_step_and_a_short_sample(name: str) -> None:
    """The paper's networks, weights and all, on a grid that a CPU can bear."""
    shape = (32, 48, 32)
    short = () if name == "vae" else (f"methods.{name}.diffusion.sampler={{kind: ddim, steps: 2}}",)
    torch.manual_seed(0)
    method = build("paper", name, (f"grid.shape={list(shape)}", *short))
    generator = torch.Generator().manual_seed(1)
    source, target = torch.rand(2, 1, 1, *shape, generator=generator) * 2 - 1
    source, target = (pad_to_multiple(volume, method.multiple) for volume in (source, target))
    years = torch.tensor([2.0])

    (stage,) = method.stages()
    (turn,) = stage.optimizer_steps
    before = [parameter.detach().clone() for parameter in turn.parameters]
    optimizer = method.optimizer(turn.parameters, 1e-4)
    loss = turn.loss(source, target, years)
    loss.backward()
    optimizer.step()
    assert torch.isfinite(loss)
    moved = [not torch.equal(p, old) for p, old in zip(turn.parameters, before, strict=True)]
    assert any(moved)

    with torch.inference_mode():
        volume = method.eval().generate(source, years, torch.tensor([3]))
    assert volume.shape == source.shape
    assert torch.isfinite(volume).all()
    assert volume.abs().max() <= 1
