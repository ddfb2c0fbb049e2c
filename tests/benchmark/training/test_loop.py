import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor

from longibench.benchmark.core.console import Console
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.settings.schema import (
    DeviceSettings,
    EMASettings,
    TrainingSettings,
    ValidationSettings,
)
from longibench.benchmark.training.checkpoints import load_latest, read_final
from longibench.benchmark.training.job import TrainingJob
from longibench.benchmark.training.loop import train
from longibench.benchmark.training.recipe import Recipe
from longibench.methods.method import REGISTRY, Method, OptimizerStep, Stage

SETTINGS = TrainingSettings(
    iterations=12, batch_size=2, checkpoint_every=3, ema=EMASettings(decay=0.5)
)


@pytest.fixture
def job(tiny: Path, pairs: pd.DataFrame, tmp_path: Path) -> TrainingJob:
    recipe = Recipe("tiny", {}, (16, 20, 16), (tiny,))
    device = DeviceSettings(accelerator="cpu", threads=1)
    return TrainingJob(recipe, SETTINGS, device, pairs, 0, tmp_path / "model", quiet=True)


def state(job: TrainingJob) -> Any:
    found = load_latest(job.folder, Console(quiet=True))
    assert found is not None
    return found


def same(first: TrainingJob, second: TrainingJob) -> bool:
    one, other = state(first), state(second)
    return one.step == other.step and all(
        torch.equal(value, getattr(other, part)[key])
        for part in ("weights", "average")
        for key, value in getattr(one, part).items()
    )


def test_a_resumed_training_equals_an_uninterrupted_one(
    job: TrainingJob, tmp_path: Path, tiny_does: Callable[[str], None]
) -> None:
    whole = replace(job, folder=tmp_path / "whole")
    train(whole)
    tiny_does("SIGINT:step:8")
    with pytest.raises(KeyboardInterrupt):
        train(job)
    assert state(job).step == 8
    assert read_final(job.folder) is None
    train(job)
    assert same(job, whole)
    assert not same(job, replace(job, folder=_trained(replace(job, seed=1), tmp_path / "seed")))
    curves = [pd.read_csv(each.folder / "losses.csv") for each in (job, whole)]
    pd.testing.assert_frame_equal(
        curves[0].drop(columns="seconds"), curves[1].drop(columns="seconds")
    )
    assert curves[0]["step"].tolist() == [10, 12]


def test_the_settings_are_saved_with_the_checkpoints(job: TrainingJob) -> None:
    train(job)
    saved = json.loads((job.folder / "settings.json").read_text())
    assert saved["method"] == job.recipe.name
    assert saved["training"]["iterations"] == job.training.iterations
    assert saved["seed"] == job.seed


def _trained(job: TrainingJob, folder: Path) -> Path:
    train(replace(job, folder=folder))
    return folder


def test_after_a_damaged_checkpoint_training_resumes_from_the_one_before(
    job: TrainingJob, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(job)
    whole = replace(job, folder=tmp_path / "whole")
    shutil.copytree(job.folder, whole.folder)
    (job.folder / "trained.json").unlink()
    (job.folder / "step-00000012" / "state.pt").write_bytes(b"cut")
    train(job)
    assert "step-00000012 is damaged" in capsys.readouterr().err
    assert same(job, whole)


@pytest.mark.parametrize("call", [5, 6, 7])
def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_good_checkpoint(
    job: TrainingJob, tiny_does: Callable[[str], None], call: int
) -> None:
    tiny_does(f"nan:step:{call}")
    with pytest.raises(UserError, match=rf"the loss is nan at iteration {call} .*learning_rate"):
        train(job)
    kept = 6 if call == 7 else 3
    assert state(job).step == kept
    record = json.loads((job.folder / "diverged.json").read_text())
    assert (record["step"], record["kept"], len(record["pairs"])) == (call, kept, 2)
    assert all(torch.isfinite(value).all() for value in state(job).weights.values())


def test_training_restarts_with_other_noise_if_the_settings_allow_it(
    job: TrainingJob, tmp_path: Path, tiny_does: Callable[[str], None]
) -> None:
    whole = replace(job, folder=tmp_path / "whole")
    train(whole)
    tiny_does("nan:step:8")
    train(replace(job, training=SETTINGS.model_copy(update={"restarts": 1})))
    assert state(job).step == 12
    assert read_final(job.folder)["restarts"] == 1  # type: ignore[index]
    assert not same(job, whole)


@pytest.mark.parametrize("fits", [2, 1])
def test_a_micro_batch_that_does_not_fit_is_divided(
    job: TrainingJob,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    fits: int,
) -> None:
    """The same pairs with the same noise: only the rounding of sums may differ."""
    four = SETTINGS.model_copy(update={"batch_size": 4})
    weights = []
    for limit in (4, fits):
        monkeypatch.setenv("SMALL_HOLDS", str(limit))
        folder = tmp_path / f"holds{limit}"
        with registered(small_device()):
            recipe = replace(job.recipe, name="small", plugins=())
            train(replace(job, recipe=recipe, training=four, folder=folder))
        weights.append(state(replace(job, folder=folder)).weights)
    assert (
        f"continuing with batch of 4: {4 // fits} micro-batches of {fits};"
        in capsys.readouterr().err
    )
    for name, value in weights[0].items():
        torch.testing.assert_close(value, weights[1][name], atol=1e-5, rtol=1e-5)


def test_a_pair_that_does_not_fit_is_an_error(
    job: TrainingJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMALL_HOLDS", "0")
    with registered(small_device()), pytest.raises(UserError, match="does not fit the device"):
        train(replace(job, recipe=replace(job.recipe, name="small", plugins=())))
    assert not list(job.folder.glob("step-*"))


def small_device() -> type[Method]:
    """A method whose device holds micro-batches of ``$SMALL_HOLDS`` pairs."""

    class Small(Method, name="small"):
        def __init__(self, settings: Any, shape: Any) -> None:
            super().__init__(settings, shape)
            self.layer = nn.Conv3d(1, 1, 1)

        def training_loss(self, source: Tensor, target: Tensor, interval_years: Tensor) -> Tensor:
            if len(source) > int(os.environ["SMALL_HOLDS"]):
                raise torch.OutOfMemoryError("CUDA out of memory")
            noisy = source + 0.1 * self.noise.like(source)
            return (self.layer(noisy) - target).square().mean()

        def generate(self, source: Tensor, interval_years: Tensor, seeds: Tensor) -> Tensor:
            return source

    return Small


@contextmanager
def registered(method: type[Method]) -> Iterator[None]:
    try:
        yield
    finally:
        del REGISTRY[method.name]


@pytest.mark.filterwarnings("ignore:.*script_method:DeprecationWarning")  # torch's own use of it
def test_compiled_networks_train_alike(job: TrainingJob, tmp_path: Path) -> None:
    class Networked(small_device(), name="networked"):  # type: ignore[misc]
        def networks(self) -> tuple[nn.Module, ...]:
            return (self.layer,)

    weights = []
    with registered(Networked):
        del REGISTRY["small"]
        os.environ["SMALL_HOLDS"] = "9"
        for choice in ("on", "off"):
            device = DeviceSettings(accelerator="cpu", threads=1, compile=choice)
            folder = tmp_path / choice
            recipe = replace(job.recipe, name="networked", plugins=())
            train(replace(job, recipe=recipe, device=device, folder=folder))
            weights.append(state(replace(job, folder=folder)).weights)
    assert json.loads((tmp_path / "on" / "compile.json").read_text())
    assert not (tmp_path / "off" / "compile.json").exists()
    for name, value in weights[0].items():
        torch.testing.assert_close(value, weights[1][name], atol=1e-5, rtol=1e-5)


def test_validation_does_not_change_the_training(job: TrainingJob, tmp_path: Path) -> None:
    train(job)
    validation = ValidationSettings(every=3, pairs=2, pictures=1)
    validated = replace(
        job,
        training=SETTINGS.model_copy(update={"validation": validation}),
        validation_pairs=job.pairs,
        folder=tmp_path / "validated",
    )
    train(validated)
    assert same(job, validated)
    rows = pd.read_csv(validated.folder / "validation.csv")
    assert rows["step"].tolist() == [3, 6, 9, 12]
    assert len(list((validated.folder / "samples").glob("step-*.png"))) == 4
    shutil.rmtree(validated.folder / "step-00000012")
    (validated.folder / "trained.json").unlink()
    train(validated)
    pd.testing.assert_frame_equal(pd.read_csv(validated.folder / "validation.csv"), rows)


def test_neither_workers_nor_checkpoints_change_the_weights(
    job: TrainingJob, tmp_path: Path
) -> None:
    train(job)
    other = SETTINGS.model_copy(update={"workers": 1, "checkpoint_every": 100})
    again = replace(job, folder=tmp_path / "again", training=other)
    train(again)
    assert same(job, again)


def test_accumulated_batches_are_one_larger_batch(job: TrainingJob, tmp_path: Path) -> None:
    """With a loss without random numbers, two batches of one equal a batch of two."""

    class Plain(Method, name="plain"):
        def __init__(self, settings: Any, shape: Any) -> None:
            super().__init__(settings, shape)
            self.layer = nn.Conv3d(1, 1, 1)

        def training_loss(self, source: Tensor, target: Tensor, interval_years: Tensor) -> Tensor:
            return (self.layer(source) - target).square().mean()

        def generate(self, source: Tensor, interval_years: Tensor, seeds: Tensor) -> Tensor:
            return source

    try:
        weights = []
        for micro_batch in (2, 1):
            training = TrainingSettings(iterations=5, batch_size=2, micro_batch=micro_batch)
            recipe = replace(job.recipe, name="plain", plugins=())
            folder = tmp_path / f"plain{micro_batch}"
            train(replace(job, recipe=recipe, training=training, folder=folder))
            weights.append(state(replace(job, folder=folder)).weights)
    finally:
        del REGISTRY["plain"]
    assert all(torch.allclose(weights[0][key], weights[1][key], atol=1e-6) for key in weights[0])


def test_stages_and_optimizer_steps_train_in_order(job: TrainingJob) -> None:
    """Two optimizer steps in the first stage, one in the second, each with its own parameters."""
    seen: list[str] = []

    def see(word: str, source: Tensor) -> None:
        if not isinstance(source, FakeTensor):  # the arithmetic is counted on fake tensors
            seen.append(word)

    class Staged(Method, name="staged"):
        def __init__(self, settings: Any, shape: Any) -> None:
            super().__init__(settings, shape)
            self.one, self.two, self.three = (nn.Parameter(torch.zeros(1)) for _ in range(3))

        def first(self, source: Tensor, target: Tensor, interval_years: Tensor) -> Tensor:
            see("first", source)
            return (self.one - 1).square().sum() + 0 * self.two.sum()

        def second(self, source: Tensor, target: Tensor, interval_years: Tensor) -> Tensor:
            see("second", source)
            return (self.two - 1).square().sum()

        def third(self, source: Tensor, target: Tensor, interval_years: Tensor) -> Tensor:
            see("third", source)
            return (self.three - 1).square().sum()

        training_loss = first

        def stages(self) -> tuple[Stage, ...]:
            first = OptimizerStep("first", self.first, (self.one,))
            second = OptimizerStep("second", self.second, (self.two,))
            last = (OptimizerStep("third", self.third, (self.three,)),)
            return (Stage("both", (first, second), 1), Stage("last", last, 3))

        def generate(self, source: Tensor, interval_years: Tensor, seeds: Tensor) -> Tensor:
            return source

    try:
        train(replace(job, recipe=replace(job.recipe, name="staged", plugins=())))
    finally:
        del REGISTRY["staged"]
    assert seen == ["first", "second"] * 3 + ["third"] * 9
    weights = {name: float(value) for name, value in state(job).weights.items()}
    assert weights["one"] == weights["two"] == pytest.approx(0.003, rel=1e-3)  # Adam: lr a step
    assert weights["three"] == pytest.approx(0.009, rel=1e-2)
    assert pd.read_csv(job.folder / "losses.csv")["stage"].tolist() == ["last", "last"]


def test_a_resumed_gan_has_the_pairs_and_noise_of_an_uninterrupted_one(
    job: TrainingJob, tmp_path: Path
) -> None:
    """Each of its two optimizer steps an iteration has its own batch."""
    seen: list[tuple[float, float, float]] = []

    class Adversaries(Method, name="adversaries"):
        def __init__(self, settings: Any, shape: Any) -> None:
            super().__init__(settings, shape)
            self.one, self.two = (nn.Parameter(torch.zeros(1)) for _ in range(2))

        def first(self, source: Tensor, target: Tensor, interval_years: Tensor) -> Tensor:
            return self._loss(self.one, source, target)

        def second(self, source: Tensor, target: Tensor, interval_years: Tensor) -> Tensor:
            return self._loss(self.two, source, target)

        training_loss = first

        def _loss(self, weight: Tensor, source: Tensor, target: Tensor) -> Tensor:
            noise, other = self.noise.like(source), torch.rand(())
            if not isinstance(source, FakeTensor):
                seen.append((float(target.sum()), float(noise.sum()), float(other)))
            return (source + weight * noise + other - target).square().mean()

        def stages(self) -> tuple[Stage, ...]:
            first = OptimizerStep("first", self.first, (self.one,))
            second = OptimizerStep("second", self.second, (self.two,))
            return (Stage("both", (first, second)),)

        def generate(self, source: Tensor, interval_years: Tensor, seeds: Tensor) -> Tensor:
            return source

    recipe = replace(job.recipe, name="adversaries", plugins=())
    short = SETTINGS.model_copy(update={"iterations": 4, "checkpoint_every": 2})
    stopped = replace(job, recipe=recipe, training=short)
    whole = replace(stopped, folder=tmp_path / "whole")
    with registered(Adversaries):
        train(whole)
        shutil.copytree(whole.folder, stopped.folder)
        (stopped.folder / "trained.json").unlink()
        shutil.rmtree(stopped.folder / "step-00000004")  # like a stop after iteration 2
        train(stopped)
    assert len(set(seen[:8])) == 8
    assert seen[8:] == seen[4:8]
    assert same(stopped, whole)


def test_gpus_that_do_not_exist_are_refused(
    job: TrainingJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(UserError, match=r"2 GPU\(s\) are requested, 1 available"):
        train(replace(job, device=DeviceSettings(accelerator="cuda", devices=2)))
