"""How a method is made fast on the device: every choice is a setting, and is said."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from longibench.benchmark.core.console import Console
from longibench.benchmark.core.files import write_json
from longibench.benchmark.devices.timing import shortest
from longibench.benchmark.settings.schema import DeviceSettings
from longibench.methods.method import Method

if TYPE_CHECKING:
    from lightning_fabric import Fabric

WARM_UP, TIMED = 2, 3  # passes


def accelerate(method: Method, settings: DeviceSettings) -> Method:
    """Lay out a method's weights for the device; call before its optimizers are built."""
    if settings.channels_last:
        # 3D convolutions are a quarter to a third faster so, on CPUs and on GPUs
        method.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    return method


def fuse(optimizer: torch.optim.Optimizer, settings: DeviceSettings) -> torch.optim.Optimizer:
    """Let an optimizer that can update all weights in one kernel do so, or not."""
    if "fused" in optimizer.defaults:
        for group in optimizer.param_groups:
            group["fused"], group["foreach"] = (True, False) if settings.fused else (None, None)
    return optimizer


def compile_networks(
    method: Method,
    work: Callable[[Method], None],
    settings: DeviceSettings,
    device: torch.device,
    choices: Path,
    console: Console,
) -> bool:
    """Compile a method's networks where it is asked for, or where it measures faster on a GPU.

    Args:
        method: On its device.
        work: A forward and backward pass of a method, or a step of drawing.
        settings: Says whether.
        device: Where it runs.
        choices: JSON file that keeps the choice, beside the checkpoints: a resumed training
            computes as before.
        console: For why not.

    Returns:
        Whether they are compiled.
    """
    wanted = settings.compile == "on" or (settings.compile == "auto" and device.type == "cuda")
    if not wanted or not method.networks():
        return False
    if not _recalled(choices, device, settings, lambda: _pays(method, work, device, console)):
        return False
    for network in method.networks():
        network.compile(dynamic=False)
    return True


def _recalled(
    path: Path, device: torch.device, settings: DeviceSettings, measure: Callable[[], float]
) -> bool:
    """The choice made before with this torch on such a device, else measured and kept."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    key = f"torch {torch.__version__}, {name}"
    known = json.loads(path.read_text()) if path.is_file() else {}
    if key not in known:
        known[key] = round(measure(), 3)
        write_json(path, known)
    return known[key] > (0 if settings.compile == "on" else 1)


def _pays(
    method: Method, work: Callable[[Method], None], device: torch.device, console: Console
) -> float:
    """How many times faster a compiled copy works; 0 where it cannot be compiled."""
    trial = copy.deepcopy(method)
    eager = _seconds(lambda: work(trial), device)
    try:
        for network in trial.networks():
            network.compile(dynamic=False)
        return eager / _seconds(lambda: work(trial), device)
    except Exception as error:
        reason = (str(error).strip() or repr(error)).splitlines()[0]
        console.warn(f"torch.compile failed ({reason}); going on without")
        return 0.0


def _seconds(work: Callable[[], None], device: torch.device) -> float:
    """Of one repetition among several, the first of which also compile."""

    def repeat() -> None:
        for _ in range(TIMED):
            work()

    return shortest(repeat, device.type) / TIMED


def describe(fabric: "Fabric", settings: DeviceSettings, compiled: bool) -> str:
    """The choices in one line."""
    count = fabric.world_size
    where = f"{count} x {fabric.device.type}" if count > 1 else fabric.device.type
    choices = {
        "channels last": settings.channels_last,
        "fused optimizer": settings.fused,
        "compiled": compiled,
        "memory kept": settings.keep_memory and fabric.device.type == "cpu",
        "TF32": settings.tf32 and fabric.device.type == "cuda",
    }
    made = ", ".join(name for name, on in choices.items() if on)
    return f"{where}, {fabric.strategy.precision.precision}{', ' if made else ''}{made}"
