"""On a GPU: a method trains, resumes and draws there, and draws what it draws on a CPU."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from benchmark.data import read_volume
from benchmark.energy import start_meter
from benchmark.generation import GenerationJob, generate
from benchmark.recipe import Recipe
from benchmark.scoring import real_scan
from benchmark.settings import DeviceSettings, GenerationSettings, TrainingSettings, load_settings
from benchmark.training import TrainingJob, train
from metrics.instruments import Instruments

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]

SHAPE = "grid.shape=[16,20,16]"


@pytest.mark.parametrize("method", ["ours", "med-ddpm", "vae"])
def test_a_gpu_draws_what_a_cpu_draws(method: str, pairs: pd.DataFrame, tmp_path: Path) -> None:
    recipe = Recipe.of(method, load_settings("demo", [SHAPE]))
    training = TrainingSettings(iterations=4, batch_size=2, checkpoint_every=2)
    gpu = DeviceSettings(accelerator="cuda", precision="32-true")
    model = tmp_path / "model"
    train(TrainingJob(recipe, training, gpu, pairs, 0, model, quiet=True))
    drawn = {}
    for device in (gpu, DeviceSettings(accelerator="cpu")):
        folder = tmp_path / device.accelerator
        generate(
            GenerationJob(
                recipe, model, GenerationSettings(), device, pairs, 0, folder, {}, quiet=True
            )
        )
        files = sorted(folder.glob("*.nii.gz"))
        drawn[device.accelerator] = [torch.from_numpy(read_volume(str(file))) for file in files]
    for on_gpu, on_cpu in zip(drawn["cuda"], drawn["cpu"], strict=True):
        torch.testing.assert_close(on_gpu, on_cpu, atol=2e-2, rtol=0)  # TF32 and other sums


@pytest.mark.parametrize("weights", ["embedded", "random:0"])
def test_a_gpu_reads_the_features_that_a_cpu_reads(
    weights: str, pairs: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan = real_scan(pairs["target"].iloc[0])
    on_gpu = Instruments(weights).features(scan)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    on_cpu = Instruments(weights).features(real_scan(pairs["target"].iloc[0]))
    np.testing.assert_allclose(on_gpu, on_cpu, rtol=1e-3, atol=1e-4)


def test_a_gpus_energy_is_counted() -> None:
    meter = start_meter("cuda")
    torch.randn(4096, 4096, device="cuda").matmul(torch.randn(4096, 4096, device="cuda")).sum()
    torch.cuda.synchronize()
    assert meter.joules() is None or meter.joules() >= 0  # type: ignore[operator]
