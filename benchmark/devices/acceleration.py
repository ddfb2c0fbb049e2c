"""How a method is made fast on the device: every choice is a setting, and is printed."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from longibench.benchmark.core.checked_files import read_json, write_json
from longibench.benchmark.core.console import Console
from longibench.benchmark.core.folder_digests import DamagedFileError
from longibench.benchmark.devices.timing import shortest
from longibench.benchmark.settings.schema import DeviceSettings
from longibench.methods.method import Method

if TYPE_CHECKING:
    from lightning_fabric import Fabric

TIMED = 3  # repetitions


def accelerate(method: Method, settings: DeviceSettings) -> Method:
    """Lay out a method's weights for the device; call before its optimizers are built."""
    if settings.channels_last:
        # 3D convolutions are a quarter to a third faster in this format, on CPUs and on GPUs
        method.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    return method


def fuse(optimizer: torch.optim.Optimizer, settings: DeviceSettings) -> torch.optim.Optimizer:
    """Switch the fused kernel of an optimizer on or off; one without it stays as it is."""
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
    """Compile a method's networks if the settings ask for it, or if that is faster on a GPU.

    Args:
        method: On its device.
        work: A forward and backward pass of a method, or a step of its sampler.
        settings: Whether to compile.
        device: Where it runs.
        choices: JSON file that keeps the choice, next to the checkpoints: a resumed training
            computes as before.
        console: For a warning if compiling fails.

    Returns:
        Whether they are compiled.
    """
    wanted = settings.compile == "on" or (settings.compile == "auto" and device.type == "cuda")
    if not wanted or not method.networks():
        return False
    if not _choose(choices, device, settings, lambda: _speedup(method, work, device, console)):
        return False
    for network in method.networks():
        network.compile(dynamic=False)
    return True


def _choose(
    path: Path, device: torch.device, settings: DeviceSettings, measure: Callable[[], float]
) -> bool:
    """The choice stored for this torch and kind of device, else measured and stored."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    key = f"torch {torch.__version__}, {name}"
    known = _read_choices(path)
    if key not in known:
        known[key] = round(measure(), 3)
        write_json(path, known)
    return known[key] > (0 if settings.compile == "on" else 1)


def _read_choices(path: Path) -> dict[str, float]:
    """Stored choices; none if they cannot be read: they are measured again."""
    try:
        return read_json(path, dict[str, float])
    except DamagedFileError:
        return {}


def _speedup(
    method: Method, work: Callable[[Method], None], device: torch.device, console: Console
) -> float:
    """How many times faster a compiled copy is; 0 if it cannot be compiled."""
    trial = copy.deepcopy(method)
    eager = _seconds(lambda: work(trial), device)
    try:
        for network in trial.networks():
            network.compile(dynamic=False)
        return eager / _seconds(lambda: work(trial), device)
    except Exception as error:
        reason = (str(error).strip() or repr(error)).splitlines()[0]
        console.warn(f"torch.compile failed ({reason}); continuing without it")
        return 0.0


def _seconds(work: Callable[[], None], device: torch.device) -> float:
    """Seconds of one repetition; the first ones, which also compile, do not count."""

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
