"""Lightning Fabric: devices, precision and processes in one place; interruption; memory."""

import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING, Any

import torch
from torch.multiprocessing.spawn import ProcessRaisedException

from benchmark.errors import UserError
from benchmark.settings import DeviceSettings

if TYPE_CHECKING:
    from lightning_fabric import Fabric


def launch(settings: DeviceSettings, work: Callable[..., None], *args: Any) -> None:
    """Run ``work(fabric, *args)`` on the devices asked for; returns when all are done.

    Several devices are processes of their own, so ``args`` must be picklable and ``work`` must
    leave its results on disk.
    """
    from lightning_fabric import Fabric  # takes seconds

    kind = accelerator(settings)
    strategy = "auto" if settings.devices == 1 else "ddp_spawn"
    fabric = Fabric(
        accelerator=kind,
        devices=settings.devices,
        strategy=strategy,
        precision=_precision(settings, kind),  # type: ignore[arg-type]
    )
    task = _Task(work, args, settings.threads)
    if settings.devices == 1:
        fabric.launch()
        task(fabric)
    else:
        with _told_by_processes():
            fabric.launch(task)


@dataclass(frozen=True)
class _Task:
    """Work with its arguments: Fabric walks through arguments, and refuses frozen ones."""

    work: Callable[..., None]
    args: tuple[Any, ...]
    threads: int

    def __call__(self, fabric: "Fabric") -> None:
        before = torch.get_num_threads()
        if self.threads:
            torch.set_num_threads(self.threads)
        try:
            self.work(fabric, *self.args)
        finally:
            torch.set_num_threads(before)


@contextmanager
def _told_by_processes() -> Iterator[None]:
    """Raise a process's UserError as what it was; torch hands it on as the text of a traceback."""
    try:
        yield
    except ProcessRaisedException as error:
        _, found, message = str(error).partition(f"{UserError.__module__}.UserError: ")
        if not found:
            raise
        raise UserError(message.strip()) from error


def accelerator(settings: DeviceSettings) -> str:
    """Kind of device to use, ``cpu`` or ``cuda``.

    Raises:
        UserError: More GPUs are asked for than there are.
    """
    available = torch.cuda.device_count()
    wanted = settings.accelerator
    if wanted == "auto":
        wanted = "cuda" if available else "cpu"
    if wanted == "cuda" and settings.devices > available:
        raise UserError(
            f"device: {settings.devices} GPU(s) are asked for, {available} are there; "
            "set device.devices or device.accelerator=cpu"
        )
    return wanted


def _precision(settings: DeviceSettings, kind: str) -> str:
    """Bf16 where the hardware has it; on a CPU it is emulated and very slow."""
    if settings.precision != "auto":
        return settings.precision
    has_bf16 = kind == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return "bf16-mixed" if has_bf16 else "32-true"


def device_name(fabric: "Fabric") -> str:
    """Human name of the device, for tables."""
    if fabric.device.type == "cuda":
        return torch.cuda.get_device_name(fabric.device)
    return f"CPU, {torch.get_num_threads()} threads"


def peak_memory_gb(fabric: "Fabric") -> float:
    """Most memory used so far: of the GPU, or of this process on a CPU."""
    if fabric.device.type == "cuda":
        return torch.cuda.max_memory_allocated(fabric.device) / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


class Interruption:
    """Set when the user or the system asked the process to stop."""

    requested = False


@contextmanager
def interruptible() -> Iterator[Interruption]:
    """Turn the first Ctrl-C or SIGTERM into a flag, so that work can stop between two steps.

    A second one interrupts at once.
    """
    interruption = Interruption()

    def note(number: int, frame: FrameType | None) -> None:
        if interruption.requested:
            raise KeyboardInterrupt
        interruption.requested = True

    previous = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interruption
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
