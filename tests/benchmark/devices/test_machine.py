import pytest

from longibench.benchmark.core.errors import UserError
from longibench.benchmark.devices.machine import check_machine
from longibench.benchmark.settings.loading import load_settings

KEYS = (
    *("device.threads", "device.devices", "training.workers", "preparation.workers"),
    "evaluation.workers",
)


@pytest.mark.parametrize("key", KEYS)
def test_threads_and_processes_are_bounded_by_the_cores(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    check_machine(load_settings("demo", [f"{key}=32"]))
    with pytest.raises(UserError, match=f"'{key}': at most 32 on this machine of 4 cores"):
        check_machine(load_settings("demo", [f"{key}=33"]))
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    check_machine(load_settings("demo", [f"{key}=16"]))
