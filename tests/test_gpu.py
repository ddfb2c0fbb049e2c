"""On a GPU: a method trains, resumes and generates, and generates the same as on a CPU."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from longibench.benchmark.devices.energy import start_meter
from longibench.benchmark.evaluation.generate import GenerationJob, generate
from longibench.benchmark.evaluation.subject_scorer import real_scan
from longibench.benchmark.preparation.store.volumes import read_volume
from longibench.benchmark.settings.loading import load_settings
from longibench.benchmark.settings.schema import (
    DeviceSettings,
    GenerationSettings,
    TrainingSettings,
)
from longibench.benchmark.training.job import TrainingJob
from longibench.benchmark.training.loop import train
from longibench.benchmark.training.recipe import Recipe
from longibench.metrics.instruments import Instruments

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]

SHAPE = "grid.shape=[16,20,16]"


@pytest.mark.parametrize("method", ["ours", "med-ddpm", "vae"])
def test_a_gpu_generates_like_a_cpu(method: str, pairs: pd.DataFrame, tmp_path: Path) -> None:
    recipe = Recipe.of(method, load_settings("demo", [SHAPE]))
    training = TrainingSettings(iterations=4, batch_size=2, checkpoint_every=2)
    gpu = DeviceSettings(accelerator="cuda", precision="32-true")
    model = tmp_path / "model"
    train(TrainingJob(recipe, training, gpu, pairs, 0, model, quiet=True))
    generated = {}
    for device in (gpu, DeviceSettings(accelerator="cpu")):
        folder = tmp_path / device.accelerator
        generate(
            GenerationJob(
                recipe, model, GenerationSettings(), device, pairs, 0, folder, {}, quiet=True
            )
        )
        files = sorted(folder.glob("*.nii.gz"))
        generated[device.accelerator] = [torch.from_numpy(read_volume(str(f))) for f in files]
    for on_gpu, on_cpu in zip(generated["cuda"], generated["cpu"], strict=True):
        torch.testing.assert_close(on_gpu, on_cpu, atol=2e-2, rtol=0)  # TF32 and other sums


@pytest.mark.parametrize("weights", ["embedded", "random:0"])
def test_a_gpu_extracts_the_same_features_as_a_cpu(
    weights: str, pairs: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan = real_scan(pairs.iloc[0].to_dict(), "target")
    on_gpu = Instruments(weights, device="cuda").features(scan)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    on_cpu = Instruments(weights).features(real_scan(pairs.iloc[0].to_dict(), "target"))
    np.testing.assert_allclose(on_gpu, on_cpu, rtol=1e-3, atol=1e-4)


def demo_job(pairs: pd.DataFrame, folder: Path, batch_size: int, **device: Any) -> TrainingJob:
    recipe = Recipe.of("ours", load_settings("demo", [SHAPE]))
    training = TrainingSettings(iterations=20, batch_size=batch_size, checkpoint_every=5)
    settings = DeviceSettings(accelerator="cuda", **device)
    return TrainingJob(recipe, training, settings, pairs, 0, folder, quiet=True)


def losses(folder: Path) -> list[float]:
    return pd.read_csv(folder / "losses.csv")["loss"].tolist()


def test_a_resumed_training_has_the_loss_curve_of_an_uninterrupted_one(
    pairs: pd.DataFrame, tmp_path: Path
) -> None:
    whole = demo_job(pairs, tmp_path / "whole", 2, compile="off")
    train(whole)
    stopped = replace(whole, folder=tmp_path / "stopped")
    train(stopped)
    for path in ("step-00000020", "trained.json"):
        target = stopped.folder / path
        shutil.rmtree(target) if target.is_dir() else target.unlink()
    train(stopped)  # continues from iteration 15
    np.testing.assert_allclose(losses(stopped.folder), losses(whole.folder), rtol=2e-2)


def test_the_batch_is_divided_when_memory_runs_out(
    pairs: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The process may use only as much memory as half a batch of 32 needs."""
    train(demo_job(pairs, tmp_path / "free", 32, compile="off", precision="32-true"))
    needed = torch.cuda.max_memory_allocated()
    torch.cuda.empty_cache()
    whole = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(0.6 * needed / whole)
    try:
        # with a large memory_gb, the planner does not divide the batch itself
        job = demo_job(
            pairs, tmp_path / "tight", 32, compile="off", precision="32-true", memory_gb=1000
        )
        train(job)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert "out of memory; continuing with" in capsys.readouterr().err
    np.testing.assert_allclose(losses(tmp_path / "tight"), losses(tmp_path / "free"), rtol=2e-2)


@pytest.mark.parametrize("compiled", ["on", "off"])
def test_mixed_precision_and_compilation_train_alike(
    pairs: pd.DataFrame, tmp_path: Path, compiled: str
) -> None:
    train(demo_job(pairs, tmp_path / "exact", 4, compile="off", precision="32-true", tf32=False))
    train(demo_job(pairs, tmp_path / "fast", 4, compile=compiled, precision="bf16-mixed"))
    np.testing.assert_allclose(losses(tmp_path / "fast"), losses(tmp_path / "exact"), rtol=0.1)


def test_a_gpus_energy_is_counted() -> None:
    meter = start_meter("cuda")
    torch.randn(4096, 4096, device="cuda").matmul(torch.randn(4096, 4096, device="cuda")).sum()
    torch.cuda.synchronize()
    assert meter.joules() is None or meter.joules() >= 0  # type: ignore[operator]
