import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import rank_work
import torch

from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.signals import Stopped
from longibench.benchmark.devices.ddp import Losses, has_unused_parameters, synchronised
from longibench.benchmark.devices.fabric import launch, with_devices
from longibench.benchmark.devices.launch_env import World, started
from longibench.benchmark.settings.schema import DeviceSettings
from longibench.methods.method import MethodSettings

TWO = DeviceSettings(accelerator="cpu", threads=1, devices=2)
TORCHRUN = {"TORCHELASTIC_RUN_ID": "1", "RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1"}
SLURM = {
    "SLURM_STEP_ID": "0",
    "SLURM_NTASKS": "5",
    "SLURM_PROCID": "4",
    "SLURM_LOCALID": "0",
    "SLURM_NODEID": "2",
    "SLURM_STEP_TASKS_PER_NODE": "2(x2),1",
}
Environment = Callable[[dict[str, str]], None]


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Environment:
    def set_all(values: dict[str, str]) -> None:
        for key, value in values.items():
            monkeypatch.setenv(key, value)

    return set_all


def test_the_launcher_is_found(environment: Environment) -> None:
    assert started() is None
    environment(SLURM)
    assert started() == World("srun", rank=4, size=5, local_rank=0, local_size=1)
    environment({**TORCHRUN, "LOCAL_WORLD_SIZE": "2"})  # torchrun may be started by srun
    assert started() == World("torchrun", rank=3, size=4, local_rank=1, local_size=2)


@pytest.mark.parametrize(
    "changed", [{"SLURM_NTASKS": "1"}, {"SLURM_JOB_NAME": "bash"}, {"SLURM_STEP_ID": ""}]
)
def test_a_single_task_a_shell_and_a_batch_script_have_no_process_group(
    environment: Environment, monkeypatch: pytest.MonkeyPatch, changed: dict[str, str]
) -> None:
    environment({**SLURM, **changed})
    if changed.get("SLURM_STEP_ID") == "":
        monkeypatch.delenv("SLURM_STEP_ID")
    assert started() is None


@pytest.mark.parametrize(
    ("devices", "nodes", "message"),
    [(4, 1, "torchrun started 2 process"), (2, 3, "leave both options out"), (1, 3, "4 in total")],
)
def test_devices_that_contradict_the_launcher_are_refused(
    environment: Environment, devices: int, nodes: int, message: str
) -> None:
    environment({**TORCHRUN, "LOCAL_WORLD_SIZE": "2"})
    with pytest.raises(UserError, match=message):
        with_devices(
            DeviceSettings(accelerator="cpu", devices=devices, num_nodes=nodes), lambda: None
        )


def test_several_machines_need_a_launcher() -> None:
    with pytest.raises(UserError, match="srun --nodes 2 --ntasks-per-node 4") as caught:
        with_devices(DeviceSettings(devices=4, num_nodes=2), lambda: None)
    assert "torchrun --nnodes 2 --nproc-per-node 4" in str(caught.value)


def test_gpus_that_do_not_exist_are_refused() -> None:
    wanted = torch.cuda.device_count() + 2
    with pytest.raises(UserError, match=rf"{wanted} GPU\(s\) are requested"):
        with_devices(DeviceSettings(accelerator="cuda", devices=wanted), lambda: None)


def test_one_process_group_does_several_pieces_of_work(tmp_path: Path) -> None:
    def work() -> str:
        for name in ("a", "b"):
            (tmp_path / name).mkdir()
            launch(TWO, rank_work.meet, tmp_path / name)
        launch(TWO, rank_work.two_optimizer_steps, tmp_path / "two.pt")
        return "result"

    assert with_devices(TWO, work) == "result"
    for name in ("a", "b"):
        assert {path.name for path in (tmp_path / name).iterdir()} == {"0 of 2", "1 of 2"}
    launch(DeviceSettings(accelerator="cpu"), rank_work.two_optimizer_steps, tmp_path / "one.pt")
    one, two = torch.load(tmp_path / "one.pt"), torch.load(tmp_path / "two.pt")
    for layer in ("first", "second"):  # inputs of 1 and 2: half as much again on average
        step = one[f"{layer}.bias"] - two[f"{layer}.bias"]
        torch.testing.assert_close(step, torch.zeros(1))
        difference = one[f"{layer}.weight"] - two[f"{layer}.weight"]
        torch.testing.assert_close(difference, torch.full((1, 2), 0.1 * 0.5))


def test_all_ranks_stop_when_one_gets_a_signal() -> None:
    with pytest.raises(Stopped) as caught:
        launch(TWO, rank_work.wait_to_be_stopped, 1)
    assert caught.value.signal == signal.SIGTERM


@pytest.mark.parametrize(
    ("how", "message"), [("user", "^no space left: make some$"), ("bug", "has ended")]
)
def test_an_error_of_another_rank_ends_the_work(
    how: str, message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UserError, match=message):
        launch(TWO, rank_work.fail, how)
    assert ("ValueError: a bug" in capfd.readouterr().err) == (how == "bug")
    assert not torch.distributed.is_initialized()


def test_optimizer_steps_of_some_parameters_are_recognised() -> None:
    method = rank_work.Halves(MethodSettings(), (2, 2, 2))
    assert has_unused_parameters(Losses(method))
    assert not has_unused_parameters(method.first)
    for parameter in method.second.parameters():
        parameter.requires_grad = False
    assert has_unused_parameters(Losses(method))  # the second step does not train the first layer


def test_batch_normalisation_is_synchronised_only_on_gpus() -> None:
    module = torch.nn.Sequential(torch.nn.Conv3d(1, 2, 1), torch.nn.BatchNorm3d(2))
    parameters = list(module.parameters())
    assert isinstance(synchronised(module, torch.device("cpu"))[1], torch.nn.BatchNorm3d)
    changed = synchronised(module, torch.device("cuda"))
    assert isinstance(changed[1], torch.nn.SyncBatchNorm)
    kept = zip(parameters, changed.parameters(), strict=True)
    assert all(before is after for before, after in kept)
