"""A trained method that is ready to generate."""

from pathlib import Path

import pandas as pd
import pytest

from longibench.benchmark.evaluation.generate import GenerationJob
from longibench.benchmark.settings.schema import (
    DeviceSettings,
    GenerationSettings,
    TrainingSettings,
)
from longibench.benchmark.training.job import TrainingJob
from longibench.benchmark.training.loop import train
from longibench.benchmark.training.recipe import Recipe


@pytest.fixture
def cpu() -> DeviceSettings:
    return DeviceSettings(accelerator="cpu", threads=1)


@pytest.fixture
def trained(tiny: Path, pairs: pd.DataFrame, cpu: DeviceSettings, tmp_path: Path) -> GenerationJob:
    """One iteration of the tiny method."""
    recipe, model = Recipe("tiny", {}, (16, 20, 16), (tiny,)), tmp_path / "model"
    train(TrainingJob(recipe, TrainingSettings(iterations=1), cpu, pairs, 0, model, quiet=True))
    one = GenerationSettings(batch_size=1)
    return GenerationJob(recipe, model, one, cpu, pairs, 0, tmp_path / "out", {"a": 1}, quiet=True)
