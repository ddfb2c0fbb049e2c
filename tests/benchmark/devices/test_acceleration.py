"""What makes a method fast, and that it can be turned off."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from longibench.benchmark.core.console import Console
from longibench.benchmark.devices.acceleration import accelerate, compile_networks, fuse
from longibench.benchmark.settings.schema import DeviceSettings

CPU = torch.device("cpu")


class Networked(nn.Module):
    """The parts of a method that acceleration uses."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv3d(2, 4, 3)

    def networks(self) -> tuple[nn.Module, ...]:
        return (self.layer,)


def work(method: Any) -> None:
    method.layer(torch.zeros(1, 2, 4, 4, 4))


@pytest.mark.parametrize("on", [True, False])
def test_the_settings_choose_the_memory_format(on: bool) -> None:
    method: Any = accelerate(Networked(), DeviceSettings(channels_last=on))  # type: ignore[arg-type]
    layout = torch.channels_last_3d if on else torch.contiguous_format
    assert method.layer.weight.is_contiguous(memory_format=layout)


def stepped(fused: bool, saved: dict[str, Any] | None = None) -> torch.optim.Adam:
    parameter = nn.Parameter(torch.ones(3))
    optimizer = torch.optim.Adam([parameter])
    fuse(optimizer, DeviceSettings(fused=fused))
    if saved:
        optimizer.load_state_dict(saved)
        fuse(optimizer, DeviceSettings(fused=fused))
    parameter.grad = torch.tensor([1.0, -2.0, 3.0])
    optimizer.step()
    return optimizer


def test_a_fused_optimizer_step_equals_the_plain_one() -> None:
    fused, plain = (stepped(on).param_groups[0] for on in (True, False))
    assert (fused["fused"], plain["fused"]) == (True, None)
    torch.testing.assert_close(fused["params"], plain["params"])


@pytest.mark.parametrize("before", [True, False])
def test_the_settings_decide_not_the_saved_state(before: bool) -> None:
    saved = stepped(before).state_dict()
    assert bool(stepped(not before, saved).param_groups[0]["fused"]) != before


def test_an_optimizer_without_a_fused_kernel_is_unchanged() -> None:
    optimizer = torch.optim.Rprop([nn.Parameter(torch.ones(3))])
    assert "fused" not in fuse(optimizer, DeviceSettings()).param_groups[0]


def compiled(choice: str, path: Path) -> bool:
    settings = DeviceSettings(compile=choice)  # type: ignore[arg-type]
    method: Any = Networked()
    return compile_networks(method, work, settings, CPU, path, Console())


@pytest.mark.parametrize("choice", ["auto", "off"])
def test_nothing_is_compiled_on_a_cpu_unless_it_is_set(choice: str, tmp_path: Path) -> None:
    assert not compiled(choice, tmp_path / "choices.json")
    assert not list(tmp_path.iterdir())


def test_a_compiler_that_fails_is_one_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        nn.Module, "compile", lambda self, **options: (_ for _ in ()).throw(RuntimeError("no gcc"))
    )
    for _ in range(2):  # the second time the choice is known
        assert not compiled("on", tmp_path / "choices.json")
    assert capsys.readouterr().err.count("torch.compile failed (no gcc); continuing without") == 1
