import torch

from benchmark.engine import count_processes, launch
from benchmark.settings import DeviceSettings

CPU = DeviceSettings(accelerator="cpu")


def test_threads_are_as_asked_for_while_the_work_lasts() -> None:
    before = torch.get_num_threads()
    seen: list[int] = []

    def work(fabric: object, word: str) -> None:
        seen.append(torch.get_num_threads())
        assert word == "word"

    launch(DeviceSettings(accelerator="cpu", threads=3), work, "word")
    assert seen == [3]
    assert torch.get_num_threads() == before


def test_tensor_cores_are_as_asked_for_while_the_work_lasts() -> None:
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


def test_without_a_crew_there_is_one_process() -> None:
    assert count_processes(CPU) == 1
    assert count_processes(DeviceSettings(devices=3)) == 3
