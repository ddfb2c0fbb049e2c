from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch

from benchmark.console import Console
from benchmark.generation import GenerationJob
from benchmark.plan import Step, show_plan
from benchmark.protocol import Protocol
from benchmark.recipe import Recipe
from benchmark.settings import DeviceSettings, GenerationSettings, TrainingSettings
from benchmark.training import TrainingJob

CPU = DeviceSettings(accelerator="cpu", threads=1)


@pytest.fixture
def step(tiny: Path, pairs: pd.DataFrame, tmp_path: Path) -> Step:
    recipe = Recipe("tiny", {}, (16, 20, 16), (tiny,))
    settings = TrainingSettings(iterations=1000)
    training = TrainingJob(recipe, settings, CPU, pairs, 0, tmp_path / "model")
    generation = GenerationJob(
        recipe, tmp_path / "model", GenerationSettings(), CPU, pairs, 0, tmp_path / "out", {}
    )
    return Step(training, generation, trained=False, generated=False, scored=False)


def shown(steps: list[Step], capsys: pytest.CaptureFixture[str]) -> str:
    pairs = steps[0].generation.pairs
    info = {"pairs": {"count": 4, "subjects": 3}, "split": {"train_subjects": 7}}
    show_plan(steps, Protocol("phantom-1", "", pairs, pairs, info), Console())
    return capsys.readouterr().err


def test_it_tells_what_is_done_and_how_long_it_takes(
    step: Step, capsys: pytest.CaptureFixture[str]
) -> None:
    text = shown([step, step], capsys)
    assert "4 pairs of 3 evaluation subjects" in text
    assert f"train 1000 iterations, draw {len(step.generation.pairs)} volumes, score" in text
    assert "about" in text
    assert "in all" in text


def test_what_is_there_is_reused(step: Step, capsys: pytest.CaptureFixture[str]) -> None:
    done = replace(step, trained=True, generated=True, scored=True)
    assert "trained already, drawn already, scored already" in shown([done], capsys)
    (step.training.folder / "step-00000600").mkdir(parents=True)  # type: ignore[union-attr]
    assert "train 400 iterations" in shown([step], capsys)


def test_timing_leaves_the_random_state_alone(
    step: Step, capsys: pytest.CaptureFixture[str]
) -> None:
    before = torch.get_rng_state()
    shown([step], capsys)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_grid_too_large_to_time_is_said_so(
    step: Step, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmark.plan.LARGEST_ON_CPU", 1000)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert "time unknown before the first steps" in shown([step], capsys)
