from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch
from torch import Tensor

from longibench.benchmark.core.console import Console
from longibench.benchmark.evaluation.generate import GenerationJob
from longibench.benchmark.protocol.protocol import Protocol
from longibench.benchmark.runs.time_estimate import Remaining, show_plan
from longibench.benchmark.settings.plugins import load_methods
from longibench.benchmark.settings.schema import (
    DeviceSettings,
    GenerationSettings,
    TrainingSettings,
)
from longibench.benchmark.training.job import TrainingJob
from longibench.benchmark.training.memory_plan import MemoryPlan
from longibench.benchmark.training.recipe import Recipe
from longibench.methods.method import Method

CPU = DeviceSettings(accelerator="cpu", threads=1)


@pytest.fixture
def step(tiny: Path, pairs: pd.DataFrame, tmp_path: Path) -> Remaining:
    recipe = Recipe("tiny", {}, (16, 20, 16), (tiny,))
    settings = TrainingSettings(iterations=1000)
    training = TrainingJob(recipe, settings, CPU, pairs, 0, tmp_path / "model")
    generation = GenerationJob(
        recipe, tmp_path / "model", GenerationSettings(), CPU, pairs, 0, tmp_path / "out", {}
    )
    return Remaining(
        training, generation, trained=False, generated=False, metrics_left=("ssim", "fid")
    )


def shown(steps: list[Remaining], capsys: pytest.CaptureFixture[str]) -> str:
    pairs = steps[0].generation.pairs
    info = {"pairs": {"count": 4, "subjects": 3}, "split": {"train_subjects": 7}}
    show_plan(steps, Protocol("phantom-1", "", pairs, pairs, info), Console())
    return capsys.readouterr().err


def test_it_prints_the_work_and_the_estimated_time(
    step: Remaining, capsys: pytest.CaptureFixture[str]
) -> None:
    text = shown([step, step], capsys)
    assert "4 pairs of 3 test subjects" in text
    assert f"train 1000 iterations, generate {len(step.generation.pairs)} volumes, score" in text
    assert "about" in text
    assert "in all" in text


def test_existing_results_are_reused(step: Remaining, capsys: pytest.CaptureFixture[str]) -> None:
    done = replace(step, trained=True, generated=True, metrics_left=())
    assert "trained already, generated already, scored already" in shown([done], capsys)
    (step.training.folder / "step-00000600").mkdir(parents=True)  # type: ignore[union-attr]
    assert "train 400 iterations" in shown([step], capsys)


def test_diagnostics_cost_volumes_too(step: Remaining) -> None:
    """Another seed, two intervals and twelve noise levels of a few subjects."""
    subjects = step.generation.pairs["subject"].nunique()
    assert step.volumes_of_diagnosis(1) == 3 * subjects
    assert step.volumes_of_diagnosis(0) == 3 * subjects  # without a network
    assert step.volumes_of_diagnosis(10) == pytest.approx((3 + 12 / 10) * subjects)
    assert replace(step, generated=True).volumes_of_diagnosis(1) == 0  # the volumes were deleted


def test_timing_does_not_change_the_random_state(
    step: Remaining, capsys: pytest.CaptureFixture[str]
) -> None:
    before = torch.get_rng_state()
    shown([step], capsys)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_time_is_unknown_for_a_grid_too_large_to_time(
    step: Remaining, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("longibench.benchmark.runs.time_estimate.LARGEST_ON_CPU", 1000)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert "time unknown before the first steps" in shown([step], capsys)


@pytest.fixture
def losses(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int, torch.dtype]]:
    """Pairs, checkpointed levels and type of every loss that the plan times."""
    method = load_methods([tiny])["tiny"]
    plain, seen = method.training_loss, []

    def loss(self: Method, source: Tensor, target: Tensor, interval_years: Tensor) -> Tensor:
        value = plain(self, source, target, interval_years)
        seen.append((len(source), getattr(self, "checkpointed", 0), self.layers(source).dtype))
        return value

    monkeypatch.setattr(method, "training_loss", loss)
    monkeypatch.setattr(
        method, "checkpoint_activations", lambda self, levels: setattr(self, "checkpointed", levels)
    )
    monkeypatch.setattr(method, "checkpoint_levels", 2)
    return seen


@pytest.mark.parametrize(
    ("memory_gb", "expected"), [(9.0, (4, 0)), (2.5, (2, 0)), (1.2, (1, 0)), (0.6, (1, 1))]
)
def test_a_step_is_timed_as_it_will_be_run(
    step: Remaining,
    losses: list[tuple[int, int, torch.dtype]],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    memory_gb: float,
    expected: tuple[int, int],
) -> None:
    """On a small card neither training nor generation is timed with more than the plan."""

    def needed(self: object, choice: MemoryPlan) -> float:
        return choice.micro_batch / 2**choice.checkpoint_levels

    monkeypatch.setattr("longibench.benchmark.training.memory_plan._Planner._needed", needed)
    monkeypatch.setattr(
        "longibench.benchmark.training.memory_plan._Planner._at_most", lambda *_: float("inf")
    )
    assert step.training is not None
    job = replace(
        step.training,
        training=TrainingSettings(iterations=1000, batch_size=4),
        device=DeviceSettings(accelerator="cpu", memory_gb=memory_gb),
    )
    shown([replace(step, training=job)], capsys)
    assert {its[:2] for its in losses} == {expected}


@pytest.mark.parametrize(
    ("precision", "dtype"),
    [("32-true", torch.float32), ("64-true", torch.float64), ("bf16-mixed", torch.bfloat16)],
)
def test_a_step_is_timed_in_its_precision(
    step: Remaining,
    losses: list[tuple[int, int, torch.dtype]],
    capsys: pytest.CaptureFixture[str],
    precision: str,
    dtype: torch.dtype,
) -> None:
    assert step.training is not None
    device = DeviceSettings.model_validate({"accelerator": "cpu", "precision": precision})
    shown([replace(step, training=replace(step.training, device=device))], capsys)
    assert {its[2] for its in losses} == {dtype}


def test_a_device_on_another_machine_is_not_timed(
    step: Remaining, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """For example if a machine without a GPU submits cells to a cluster."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert step.training is not None
    job = replace(step.training, device=DeviceSettings(accelerator="cuda"))
    assert "time unknown before the first steps" in shown([replace(step, training=job)], capsys)


def test_the_metrics_that_a_finished_cell_lacks_are_named(
    step: Remaining, capsys: pytest.CaptureFixture[str]
) -> None:
    done = replace(step, trained=True, generated=True, metrics_left=("psnr",))
    assert "trained already, generated already, score psnr;" in shown([done], capsys)
