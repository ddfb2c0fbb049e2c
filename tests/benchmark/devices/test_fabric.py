from typing import Any

import pytest
import torch

from longibench.benchmark.devices.fabric import arithmetic, count_processes, launch, resolved
from longibench.benchmark.devices.timing import synchronise
from longibench.benchmark.settings.schema import DeviceSettings
from longibench.benchmark.training.throughput import measure_peak

CPU = DeviceSettings(accelerator="cpu")


def test_the_settings_threads_apply_during_the_work() -> None:
    before = torch.get_num_threads()
    seen: list[int] = []

    def work(fabric: object, word: str) -> None:
        seen.append(torch.get_num_threads())
        assert word == "word"

    launch(DeviceSettings(accelerator="cpu", threads=3), work, "word")
    assert seen == [3]
    assert torch.get_num_threads() == before


def test_the_settings_tensor_cores_apply_during_the_work() -> None:
    cuda, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = (cuda.allow_tf32, cudnn.allow_tf32, cudnn.benchmark)
    seen: list[tuple[bool, bool, bool]] = []

    def work(fabric: object) -> None:
        seen.append((cuda.allow_tf32, cudnn.allow_tf32, cudnn.benchmark))

    for tf32 in (True, False):
        launch(CPU.model_copy(update={"tf32": tf32}), work)
    assert seen == [(True, True, True), (False, False, True)]
    assert (cuda.allow_tf32, cudnn.allow_tf32, cudnn.benchmark) == before


def test_double_precision_reaches_the_work() -> None:
    def work(fabric: object) -> None:
        module = fabric.setup(torch.nn.Linear(2, 2))  # type: ignore[attr-defined]
        third = torch.full((1, 2), 1 / 3, dtype=torch.float64)
        module(third).sum().backward()
        assert torch.equal(module.weight.grad, third.expand(2, 2))  # not rounded on the way

    launch(DeviceSettings(accelerator="cpu", precision="64-true"), work)


def test_without_a_process_group_there_is_one_process() -> None:
    assert count_processes(CPU) == 1
    assert count_processes(DeviceSettings(devices=3)) == 3


@pytest.mark.parametrize(
    ("gpus", "bf16", "asked", "expected", "name"),
    [
        (0, False, {}, ("cpu", "32-true"), "float32"),
        (1, True, {}, ("cuda", "bf16-mixed"), "bf16 mixed"),
        (1, False, {}, ("cuda", "32-true"), "float32, TF32"),
        (1, False, {"tf32": False}, ("cuda", "32-true"), "float32"),
        (1, True, {"accelerator": "cpu"}, ("cpu", "32-true"), "float32"),
        (0, True, {"accelerator": "cuda"}, ("cuda", "bf16-mixed"), "bf16 mixed"),
        (1, True, {"precision": "32-true"}, ("cuda", "32-true"), "float32, TF32"),
        (0, False, {"precision": "64-true"}, ("cpu", "64-true"), "float64"),
    ],
)
def test_auto_is_what_the_machine_has(
    monkeypatch: pytest.MonkeyPatch,
    gpus: int,
    bf16: bool,
    asked: dict[str, Any],
    expected: tuple[str, str],
    name: str,
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: bf16)
    found = resolved(DeviceSettings(**asked))
    assert (found.accelerator, found.precision) == expected
    assert arithmetic(found) == name
    assert resolved(found) == found


def test_the_cpu_waits_for_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even if there is one: a call would start CUDA, or fail if another process uses the GPU."""
    calls: list[str] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: calls.append("synchronize"))
    synchronise("cpu")
    measure_peak.cache_clear()
    measure_peak("cpu", "32-true")
    assert calls == []
    synchronise("cuda")
    assert calls == ["synchronize"]
