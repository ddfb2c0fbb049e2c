"""Lightning Fabric: devices, precision, processes and memory."""

import os
import resource
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import torch
import torch.distributed as dist

from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.malloc import memory_kept
from longibench.benchmark.core.signals import stoppable
from longibench.benchmark.devices.launch_env import World, started
from longibench.benchmark.devices.process_group import (
    in_process_group,
    join_ranks,
    run_on_all_ranks,
    serve,
    spawn_ranks,
)
from longibench.benchmark.settings.schema import DeviceSettings

if TYPE_CHECKING:
    from lightning_fabric import Fabric

Result = TypeVar("Result")

NAMES = {"32-true": "float32", "64-true": "float64", "bf16-mixed": "bf16 mixed"}


def with_devices(settings: DeviceSettings, work: Callable[[], Result]) -> Result | None:
    """Do the work of a command with a process group for all devices of the settings.

    Under torchrun and SLURM every process calls this: rank 0 does the work, the other ranks take
    part in what it launches.

    Returns:
        The result of the work; None on the other ranks.

    Raises:
        UserError: The settings contradict the ranks that the launcher started.
        Stopped: The process got a signal to stop.
    """
    world = started()
    _check_world(settings, world)
    with stoppable():
        if world is None:
            with _spawned(settings):
                return work()
        with join_ranks(world, _backend(settings)):
            if world.rank == 0:
                return work()
            serve()
            return None


def launch(
    settings: DeviceSettings,
    work: Callable[..., None],
    *args: Any,
) -> None:
    """Run ``work(fabric, *args)`` on the devices of the settings; returns when all are done.

    Each of several devices has its own process, so ``args`` must be picklable and ``work`` must
    write its results to disk.

    Args:
        settings: The devices.
        work: What each of them does.
        args: Its further arguments.

    Raises:
        UserError: As the work raised it, or another process ended.
        Stopped: The work got a signal to stop.
    """
    task = _Task(settings, work, args)
    if in_process_group():
        run_on_all_ranks(task)
    elif settings.devices > 1:
        with _spawned(settings):
            run_on_all_ranks(task)
    else:
        task()


def count_processes(settings: DeviceSettings) -> int:
    """Number of processes on which ``launch`` runs work."""
    return dist.get_world_size() if in_process_group() else settings.devices


@dataclass(frozen=True)
class _Task:
    """Work with its arguments and device settings."""

    settings: DeviceSettings
    work: Callable[..., None]
    args: tuple[Any, ...]

    def __call__(self) -> None:
        with _arithmetic(self.settings), warnings.catch_warnings():
            # a kernel of one voxel has the same memory layout in both formats
            warnings.filterwarnings("ignore", "Grad strides do not match bucket view strides")
            fabric = self._fabric()
            kept = memory_kept(self.settings.keep_memory and fabric.device.type == "cpu")
            with kept, _launched(fabric, self.settings):
                self.work(fabric, *self.args)

    def _fabric(self) -> "Fabric":
        from lightning_fabric import Fabric  # takes seconds
        from lightning_fabric.plugins.environments import LightningEnvironment

        from longibench.benchmark.devices.ddp import GroupEnvironment, GroupStrategy

        kind = accelerator(self.settings)
        environment = GroupEnvironment() if in_process_group() else LightningEnvironment()
        strategy = GroupStrategy() if in_process_group() else "auto"
        return Fabric(
            accelerator=kind,
            devices=1 if kind == "cpu" else [_gpu()],
            strategy=strategy,
            precision=precision(self.settings, kind),  # type: ignore[arg-type]
            plugins=[environment],
        )


@contextmanager
def _launched(fabric: "Fabric", settings: DeviceSettings) -> Iterator[None]:
    """Launch Fabric with the settings' CPU threads; processes of one machine share its cores."""
    before, given = torch.get_num_threads(), "OMP_NUM_THREADS" in os.environ
    fabric.launch()
    shared = (
        before
        if given or not in_process_group()
        else max(1, (os.cpu_count() or 1) // _local_size())
    )
    torch.set_num_threads(settings.threads or shared)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        if not given:
            os.environ.pop("OMP_NUM_THREADS", None)  # Fabric sets it


@contextmanager
def _arithmetic(settings: DeviceSettings) -> Iterator[None]:
    """Tensor cores for float32 if the settings allow them, and the fastest kernel of a shape."""
    backends = torch.backends
    before = (
        backends.cuda.matmul.allow_tf32,
        backends.cudnn.allow_tf32,
        backends.cudnn.benchmark,
    )
    backends.cuda.matmul.allow_tf32 = backends.cudnn.allow_tf32 = settings.tf32
    backends.cudnn.benchmark = True
    try:
        yield
    finally:
        backends.cuda.matmul.allow_tf32, backends.cudnn.allow_tf32 = before[:2]
        backends.cudnn.benchmark = before[2]


@contextmanager
def _spawned(settings: DeviceSettings) -> Iterator[None]:
    if settings.devices == 1:
        yield
        return
    _check_world(settings, None)
    with spawn_ranks(settings.devices, _backend(settings)):
        yield


def _check_world(settings: DeviceSettings, world: World | None) -> None:
    """Refuse settings that need a launcher, or contradict the ranks that it started."""
    devices, nodes = settings.devices, settings.num_nodes
    if world is None:
        if nodes == 1:
            return
        raise UserError(
            f"--num-nodes {nodes}: start the command on every machine, with 'srun --nodes {nodes} "
            f"--ntasks-per-node {devices} python cli.py run ...' or 'torchrun --nnodes {nodes} "
            f"--nproc-per-node {devices} --rdzv-backend c10d --rdzv-endpoint HOST:PORT cli.py run "
            "...'; --devices and --num-nodes can then be left out"
        )
    if devices not in (1, world.local_size) or (nodes > 1 and devices * nodes != world.size):
        raise UserError(
            f"--devices {devices} --num-nodes {nodes}: {world.launcher} started "
            f"{world.local_size} process(es) on this machine and {world.size} in total; "
            "leave both options out: the launcher decides"
        )


def _backend(settings: DeviceSettings) -> str:
    """CPU tensors always use gloo: waiting for a message does not keep a GPU busy."""
    return "cpu:gloo,cuda:nccl" if accelerator(settings) == "cuda" else "gloo"


def _local_size() -> int:
    """Processes on this machine."""
    world = started()
    if world is not None:
        return world.local_size
    return dist.get_world_size() if in_process_group() else 1


def _gpu() -> int:
    """Number of this process's GPU; SLURM may show a process only its own."""
    world = started()
    place = world.local_rank if world else (dist.get_rank() if in_process_group() else 0)
    alone = world is not None and world.launcher == "srun" and torch.cuda.device_count() == 1
    return 0 if alone else place


def accelerator(settings: DeviceSettings) -> str:
    """Kind of device to use, ``cpu`` or ``cuda``.

    Raises:
        UserError: The settings ask for more GPUs than there are.
    """
    available = torch.cuda.device_count()
    wanted = settings.accelerator
    if wanted == "auto":
        wanted = "cuda" if available else "cpu"
    needed = _gpus_needed(settings)
    if wanted == "cuda" and needed > available:
        raise UserError(
            f"device: {needed} GPU(s) are requested, {available} available; "
            "set device.devices or device.accelerator=cpu"
        )
    return wanted


def _gpus_needed(settings: DeviceSettings) -> int:
    """GPUs needed of those that this process can see."""
    world = started()
    if world is None:
        return settings.devices
    return 1 if world.launcher == "srun" else world.local_size


def precision(settings: DeviceSettings, kind: str) -> str:
    """The settings' precision; ``auto`` is bf16 if the hardware has it (a CPU emulates it slowly).

    Otherwise ``auto`` is float32.
    """
    if settings.precision != "auto":
        return settings.precision
    has_bf16 = kind == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return "bf16-mixed" if has_bf16 else "32-true"


def resolved(settings: DeviceSettings) -> DeviceSettings:
    """The settings with ``auto`` resolved on this machine: results are named by it.

    Other values are not checked here: they may be for another machine.

    Raises:
        UserError: As ``accelerator``.
    """
    asked = settings.accelerator
    kind = accelerator(settings) if asked == "auto" else asked
    return settings.model_copy(update={"accelerator": kind, "precision": precision(settings, kind)})


def resolved_here(settings: DeviceSettings) -> DeviceSettings:
    """As ``resolved``, for work on this machine.

    Raises:
        UserError: The settings ask for more GPUs than there are.
    """
    accelerator(settings)
    return resolved(settings)


def arithmetic(settings: DeviceSettings) -> str:
    """Name of the arithmetic of ``resolved`` settings; another one gives another result."""
    tensor_cores = settings.tf32 and settings.accelerator == "cuda"
    name = NAMES[settings.precision]
    return f"{name}, TF32" if tensor_cores and name == "float32" else name


def processes_here(settings: DeviceSettings) -> int:
    """Number of the run's processes on this machine."""
    return _local_size() if in_process_group() else settings.devices


def gpus_here(fabric: "Fabric") -> list[int]:
    """Numbers of this machine's GPUs in use; empty on CPUs."""
    if fabric.device.type != "cuda":
        return []
    return list(range(_local_size())) if _local_size() > 1 else [fabric.device.index]


def machines(fabric: "Fabric") -> int:
    """Number of machines in use."""
    return max(1, fabric.world_size // _local_size())


def device_name(fabric: "Fabric") -> str:
    """Readable name of the device, for tables."""
    if fabric.device.type == "cuda":
        return torch.cuda.get_device_name(fabric.device)
    return f"CPU, {torch.get_num_threads()} threads"


def peak_memory_gb(fabric: "Fabric") -> float:
    """Peak memory so far, in 1e9 bytes: of the GPU, or of this process on a CPU."""
    if fabric.device.type == "cuda":
        return torch.cuda.max_memory_allocated(fabric.device) / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
