"""What every registered method must keep: trained, saved, loaded and sampled by the harness.

A method without an entry in ``TINY`` runs with its default settings.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import torch
from scipy import ndimage
from torch import Tensor

from longibench.benchmark.core.console import Console
from longibench.benchmark.evaluation.diagnostics import diagnose, is_diagnosed
from longibench.benchmark.evaluation.diagnostics_file import read_diagnostics
from longibench.benchmark.evaluation.generate import GenerationJob, generate
from longibench.benchmark.preparation.store.volumes import load_nifti
from longibench.benchmark.settings.plugins import load_methods
from longibench.benchmark.settings.schema import (
    DeviceSettings,
    EMASettings,
    GenerationSettings,
    TrainingSettings,
)
from longibench.benchmark.training.checkpoints import load_latest
from longibench.benchmark.training.job import TrainingJob
from longibench.benchmark.training.loop import train
from longibench.benchmark.training.pair_loader import pad_to_multiple
from longibench.benchmark.training.recipe import Recipe
from longibench.methods.method import Method, MethodSettings
from longibench.methods.noise import SeededNoise

SHAPE = (14, 22, 16)  # not divisible by four: the harness pads and crops
AFFINE = np.diag([5.0, 5.0, 5.0, 1.0])
ITERATIONS = 6
DEVICE = DeviceSettings(accelerator="cpu", threads=1)
QUIET = Console(quiet=True)
UNET = {"channels": [4, 8], "attention": [False, True], "norm_groups": 4}

TINY: dict[str, dict[str, Any]] = {
    "ours": {
        "width": 4,
        "unet": UNET,
        "diffusion": {
            "schedule": {"steps": 4, "beta_start": 0.1, "beta_end": 0.7},
            "sampler": {"kind": "ddpm", "steps": 4},
        },
    },
    "med-ddpm": {
        "patch": 2,
        "unet": UNET,
        "diffusion": {
            "prediction": "x0",
            "schedule": {"kind": "cosine", "steps": 50},
            "sampler": {"kind": "ddim", "steps": 3, "clip": True},
        },
    },
    "vae": {"channels": [4, 8], "hidden": 16, "latent": 8},
}
METHODS = sorted(name for name, method in load_methods().items() if not method.oracle)

Draw = Callable[..., dict[tuple[str, str], np.ndarray]]


@dataclass(frozen=True)
class Trained:
    """A method trained for a few iterations."""

    recipe: Recipe
    pairs: pd.DataFrame
    model: Path | None

    @property
    def method(self) -> Method:
        """Built anew, with the weights that generate."""
        method = self.recipe.build().eval()
        if self.model is not None:
            checkpoint = load_latest(self.model, QUIET)
            assert checkpoint is not None
            method.load_state_dict(checkpoint.to_generate)
        return method


def job(recipe: Recipe, pairs: pd.DataFrame, folder: Path) -> TrainingJob:
    training = TrainingSettings(
        iterations=ITERATIONS,
        batch_size=2,
        learning_rate=1e-2,
        ema=EMASettings(decay=0.5),
        checkpoint_every=3,
    )
    return TrainingJob(recipe, training, DEVICE, pairs, seed=5, folder=folder, quiet=True)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """Two subjects with two follow-ups each, as prepared files."""
    folder, rng, rows = tmp_path_factory.mktemp("volumes"), np.random.default_rng(0), []
    for subject in ("A", "B"):
        for visit in (0, 1, 5):
            texture = ndimage.gaussian_filter(rng.normal(size=SHAPE), 2)
            image = (texture / np.abs(texture).max()).astype(np.float32)
            path = folder / f"{subject}_{visit}.nii"
            nib.save(nib.Nifti1Image(image, AFFINE), path)
            if visit:
                source = str(folder / f"{subject}_0.nii")
                rows.append((subject, f"y{visit}", float(visit), source, str(path)))
    return pd.DataFrame(rows, columns=["subject", "visit", "interval_years", "source", "target"])


@pytest.fixture(scope="module", params=METHODS)
def trained(
    request: pytest.FixtureRequest, pairs: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory
) -> Trained:
    method = load_methods()[request.param]
    settings = method.Settings.model_validate(TINY.get(request.param, {}))
    recipe = Recipe(request.param, settings.model_dump(mode="json"), SHAPE)
    if not method.learns:
        return Trained(recipe, pairs, None)
    folder = tmp_path_factory.mktemp("model")
    train(job(recipe, pairs, folder))
    return Trained(recipe, pairs, folder)


@pytest.fixture
def draw(trained: Trained, tmp_path: Path) -> Draw:
    """Generate through the harness; volumes by subject and visit."""

    def run(seed: int = 0, batch_size: int = 4) -> dict[tuple[str, str], np.ndarray]:
        folder = tmp_path / f"{seed}-{batch_size}-{len(list(tmp_path.iterdir()))}"
        generate(
            GenerationJob(
                recipe=trained.recipe,
                model=trained.model,
                generation=GenerationSettings(batch_size=batch_size),
                device=DEVICE,
                pairs=trained.pairs,
                seed=seed,
                folder=folder,
                info={},
                quiet=True,
            )
        )
        listed = pd.read_csv(folder / "manifest.csv")
        named = zip(listed["subject"], listed["visit"], listed["generated"], strict=True)
        return {(s, v): load_nifti(folder / name).get_fdata() for s, v, name in named}

    return run


@pytest.fixture(scope="module")
def inputs(trained: Trained) -> tuple[Tensor, Tensor, Tensor]:
    """Three sources, intervals and seeds on the method's padded grid."""
    generator = torch.Generator().manual_seed(2)
    source = torch.rand(3, 1, *SHAPE, generator=generator) * 2 - 1
    padded = pad_to_multiple(source, trained.method.multiple)
    return padded, torch.tensor([1.0, 2.5, 5.0]), torch.tensor([1, 2, 3])


def test_a_table_can_describe_it(trained: Trained) -> None:
    method = load_methods()[trained.recipe.name]
    assert method.summary
    assert "\n" not in method.summary
    assert isinstance(method.paper, str)
    assert set(method.conditions_on) <= {"source", "interval"}
    assert isinstance(trained.method.describe(), str)
    assert trained.method.evaluations >= 0


def test_settings_survive_a_file(trained: Trained) -> None:
    settings = load_methods()[trained.recipe.name].Settings
    assert issubclass(settings, MethodSettings)
    default = settings()
    assert settings.model_validate_json(default.model_dump_json()) == default


def test_volumes_have_shape_range_and_place(trained: Trained, draw: Draw, tmp_path: Path) -> None:
    volumes = draw()
    assert sorted(volumes) == [("A", "y1"), ("A", "y5"), ("B", "y1"), ("B", "y5")]
    for volume in volumes.values():
        assert volume.shape == SHAPE
        assert np.isfinite(volume).all()
        assert np.abs(volume).max() <= 1
    for path in tmp_path.rglob("*.nii.gz"):
        np.testing.assert_array_equal(load_nifti(path).affine, AFFINE)


def test_the_seed_decides(trained: Trained, draw: Draw) -> None:
    first, again, other = draw(seed=0), draw(seed=0), draw(seed=1)
    for key, volume in first.items():
        np.testing.assert_array_equal(volume, again[key])
    if trained.recipe.name in TINY:  # generative; another method may well be deterministic
        assert all(np.abs(first[key] - other[key]).max() > 1e-3 for key in first)


def test_the_interval_matters_where_declared(trained: Trained, draw: Draw) -> None:
    volumes = draw()
    apart = [np.abs(volumes[s, "y1"] - volumes[s, "y5"]).max() for s in ("A", "B")]
    declared = "interval" in trained.method.conditions_on
    assert min(apart) > 1e-4 if declared else max(apart) == 0


@torch.inference_mode()
def test_an_undeclared_input_changes_nothing(
    trained: Trained, inputs: tuple[Tensor, Tensor, Tensor]
) -> None:
    """The harness draws once for all visits then, so the method itself must be blind."""
    method, (source, years, seeds) = trained.method, inputs
    volume = method.generate(source, years, seeds)
    later = method.generate(source, years + 3, seeds)
    assert torch.equal(later, volume) == ("interval" not in method.conditions_on)
    others = method.generate(source.flip(0), years, seeds)
    assert torch.equal(others, volume) == ("source" not in method.conditions_on)


def test_batch_size_changes_nothing(draw: Draw) -> None:
    alone, together = draw(batch_size=1), draw(batch_size=3)
    for key, volume in alone.items():
        np.testing.assert_allclose(volume, together[key], atol=1e-5)


@torch.inference_mode()
def test_order_in_the_batch_changes_nothing(
    trained: Trained, inputs: tuple[Tensor, Tensor, Tensor]
) -> None:
    method = trained.method
    order = torch.tensor([2, 0, 1])
    volume = method.generate(*inputs)
    moved = method.generate(*(part[order] for part in inputs))
    torch.testing.assert_close(moved, volume[order], atol=1e-5, rtol=0)


@torch.inference_mode()
def test_generation_leaves_its_inputs_alone(
    trained: Trained, inputs: tuple[Tensor, Tensor, Tensor]
) -> None:
    before = [part.clone() for part in inputs]
    trained.method.generate(*inputs).zero_()
    assert all(torch.equal(part, old) for part, old in zip(inputs, before, strict=True))


def test_a_batch_is_the_mean_of_its_pairs(
    trained: Trained, inputs: tuple[Tensor, Tensor, Tensor]
) -> None:
    """So that an update is the same over any number of passes and devices."""
    method, (source, years, seeds) = trained.method, inputs
    if not method.learns:
        pytest.skip("learns nothing")

    def losses(rows: slice) -> list[Tensor]:
        method.noise = SeededNoise(seeds[rows])
        batch = (source[rows], source.flip(0)[rows], years[rows])
        return [turn.loss(*batch) for stage in method.stages() for turn in stage.optimizer_steps]

    with torch.no_grad():  # in eval mode: batch normalisation is the one thing that may differ
        together = losses(slice(None))
        alone = [losses(slice(row, row + 1)) for row in range(len(seeds))]
    for index, loss in enumerate(together):
        torch.testing.assert_close(loss, torch.stack([one[index] for one in alone]).mean())


def test_training_moves_the_weights(trained: Trained) -> None:
    if trained.model is None:
        pytest.skip("learns nothing")
    checkpoint = load_latest(trained.model, QUIET)
    assert checkpoint is not None
    assert checkpoint.step == ITERATIONS
    assert any(
        not torch.equal(checkpoint.weights[name], average)  # it trails what moves
        for name, average in checkpoint.average.items()
    )
    losses = pd.read_csv(trained.model / "losses.csv")
    assert np.isfinite(losses["loss"]).all()


def test_a_resumed_training_ends_in_the_same_bits(trained: Trained, tmp_path: Path) -> None:
    """As after a kill between the checkpoint of step 3 and the next one."""
    if trained.model is None:
        pytest.skip("learns nothing")
    folder = tmp_path / "model"
    shutil.copytree(trained.model, folder)
    shutil.rmtree(folder / f"step-{ITERATIONS:08d}")
    (folder / "trained.json").unlink()
    train(job(trained.recipe, trained.pairs, folder))
    whole, resumed = load_latest(trained.model, QUIET), load_latest(folder, QUIET)
    assert whole is not None
    assert resumed is not None
    assert resumed.step == whole.step
    for name in ("weights", "average"):
        expected, actual = getattr(whole, name), getattr(resumed, name)
        assert expected.keys() == actual.keys()
        assert all(torch.equal(actual[key], value) for key, value in expected.items())
    torch.testing.assert_close(
        resumed.state["optimizers"], whole.state["optimizers"], atol=0, rtol=0
    )


def test_copy_source_returns_the_source() -> None:
    source = torch.rand(3, 1, *SHAPE)
    method = load_methods()["copy-source"](MethodSettings(), SHAPE)
    assert torch.equal(method.generate(source, torch.ones(3), torch.arange(3)), source)


def test_its_diagnostics_are_measured(trained: Trained, tmp_path: Path) -> None:
    """Its hooks return what they promise; after six iterations no promise need be kept."""
    job = GenerationJob(
        recipe=trained.recipe,
        model=trained.model,
        generation=GenerationSettings(batch_size=2),
        device=DEVICE,
        pairs=trained.pairs,
        seed=0,
        folder=tmp_path / "out",
        info={},
        quiet=True,
    )
    generate(job)
    diagnose(job)
    assert is_diagnosed(job)
    found, method = read_diagnostics(job.folder), trained.method
    assert found is not None
    assert (found.denoising is None) == (method.noise_levels() is None)
    assert (found.intervals is None) == ("interval" not in method.conditions_on)
    assert (found.samples.between_seeds > 0) == method.stochastic
    assert found.sources is not None


def test_an_estimate_is_a_function_of_target_level_and_seed(
    trained: Trained, inputs: tuple[Tensor, Tensor, Tensor]
) -> None:
    method, (source, years, seeds) = trained.method, inputs
    levels = method.noise_levels()
    if levels is None:
        pytest.skip("does not denoise")
    assert list(levels.ratios) == sorted(levels.ratios)
    last, target = len(levels.ratios), source.flip(0)
    with torch.no_grad():
        estimate = method.denoised(source, target, years, 1, seeds)
        torch.testing.assert_close(method.denoised(source, target, years, 1, seeds), estimate)
        assert estimate.shape == method.diffused(source, target, years).shape == source.shape
        from_noise = method.denoised(source, target, years, last, seeds)
        assert torch.equal(method.denoised(source, source, years, last, seeds), from_noise)
