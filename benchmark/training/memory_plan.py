"""How an update is divided so that it fits the device: pairs a pass, passes, recomputed levels."""

import os
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path

import torch

from longibench.benchmark.core.errors import UserError
from longibench.benchmark.devices.fabric import accelerator, precision, processes_here
from longibench.benchmark.settings.schema import DeviceSettings, TrainingSettings
from longibench.benchmark.training.footprint import CONTEXT_GB, GB, footprint, outline
from longibench.benchmark.training.recipe import Recipe

# More than any network here keeps of a voxel in float32 (the paper's: 11 kB). What fits by this
# needs no closer look.
KEPT_A_VOXEL = 20_000  # bytes
COPIES = 5  # weights, gradients, two moments, average


@dataclass(frozen=True)
class MemoryPlan:
    """How the pairs of an update are divided, and what is computed again to save memory.

    Attributes:
        micro_batch: Pairs a pass of one device.
        accumulate: Passes an update.
        levels: Levels of the network whose activations are computed again.
        needed_gb: Estimated memory, in 1e9 bytes; None where a method could not be traced.
        bound: Whether that is a rough bound, because all fits.
        available_gb: Memory planned for.
        world_size: Devices.
        steps: What to take instead when memory runs out all the same, one after another.
    """

    micro_batch: int
    accumulate: int
    levels: int = 0
    needed_gb: float | None = None
    available_gb: float = 0.0
    world_size: int = 1
    bound: bool = False
    steps: tuple["MemoryPlan", ...] = ()

    def smaller(self) -> "MemoryPlan | None":
        """The next step down; None where there is none."""
        return self.steps[0] if self.steps else None

    def describe(self) -> str:
        """In one line, ``4 pairs an update: 2 a pass x 2 passes; about 13.2 of 23.6 GB``."""
        pairs = self.micro_batch * self.accumulate * self.world_size
        where = f" x {self.world_size} devices" if self.world_size > 1 else ""
        passes = f"{self.accumulate} pass" + ("es" if self.accumulate > 1 else "")
        recomputed = ""
        if self.levels:
            last = f"s 0-{self.levels - 1}" if self.levels > 1 else " 0"
            recomputed = f", level{last} recomputed"
        return (
            f"{pairs} pair{'s' if pairs > 1 else ''} an update: {self.micro_batch} a pass{where} x "
            f"{passes}{recomputed}; {self._memory()}"
        )

    def _memory(self) -> str:
        if self.needed_gb is None:
            return f"memory unknown, {self.available_gb:.1f} GB there"
        about = "under" if self.bound else "about"
        return f"{about} {self.needed_gb:.1f} of {self.available_gb:.1f} GB"


def available_gb(settings: DeviceSettings) -> float:
    """Memory to plan for, a device: what the settings say, else what is free, in 1e9 bytes."""
    if settings.memory_gb:
        return settings.memory_gb
    if accelerator(settings) == "cuda":
        free, _ = torch.cuda.mem_get_info()
        return (free + torch.cuda.memory_reserved()) / GB
    return _free_on_cpu() / GB / processes_here(settings)


def plan_memory(
    recipe: Recipe,
    training: TrainingSettings,
    device: DeviceSettings,
    available_gb: float,
    world_size: int = 1,
) -> MemoryPlan:
    """Choose the fastest division of an update that fits.

    Nothing recomputed comes first, then the fewest levels; among equals the largest pass. What
    ``training.micro_batch`` and ``device.recompute`` say is kept.

    Args:
        recipe: The method.
        training: Its batch size, micro batch and average.
        device: Precision and recomputation.
        available_gb: Memory of one device, in 1e9 bytes.
        world_size: Devices over which an update is divided.

    Raises:
        UserError: The batch cannot be divided so, or not even the smallest pass fits.
    """
    planner = _Planner(recipe, training, device, available_gb, world_size)
    return planner.plan()


@dataclass(frozen=True)
class _Planner:
    """The arguments of ``plan_memory``, and the search."""

    recipe: Recipe
    training: TrainingSettings
    device: DeviceSettings
    available_gb: float
    world_size: int

    def plan(self) -> MemoryPlan:
        """The first choice that fits, with the steps down from there."""
        about = outline(self.recipe)
        choices = self._choices(about.levels)
        most = self._at_most(choices[0], about.weight_bytes)
        if most <= self.available_gb:
            return self._with_steps(replace(choices[0], needed_gb=most, bound=True), choices)
        for choice in choices:
            needed = self._needed(choice)
            if needed is None or needed <= self.available_gb:
                return self._with_steps(replace(choice, needed_gb=needed), choices)
        raise self._too_large(choices)

    def _choices(self, known: int) -> list[MemoryPlan]:
        """All divisions, the fastest first."""
        share, recompute = self._share(), self.device.recompute
        given = self.training.micro_batch
        sizes = [given] if given else [n for n in range(share, 0, -1) if share % n == 0]
        levels = range(known + 1) if recompute == "auto" else [min(recompute, known)]
        there, devices = self.available_gb, self.world_size
        return [
            MemoryPlan(n, share // n, level, None, there, devices)
            for level in levels
            for n in sizes
        ]

    def _share(self) -> int:
        """Pairs an update and device."""
        size, micro, devices = self.training.batch_size, self.training.micro_batch, self.world_size
        if size % devices:
            raise UserError(
                f"training.batch_size={size} cannot be divided over {devices} devices: make it a "
                f"multiple of {devices}"
            )
        if micro and (size // devices) % micro:
            raise UserError(
                f"training.micro_batch={micro} does not divide the {size // devices} pairs an "
                "update and device (training.batch_size / devices); 0 chooses one that does"
            )
        return size // devices

    def _at_most(self, choice: MemoryPlan, weights: int) -> float:
        """A bound; where it fits, as on small grids, no closer look is taken, which is slow."""
        voxels = choice.micro_batch * prod(self.recipe.shape)
        most = COPIES * weights + voxels * KEPT_A_VOXEL
        return most / GB + CONTEXT_GB[self.kind]

    @property
    def kind(self) -> str:
        """Kind of device; a GPU that is asked for by name can be planned for without one."""
        return "cuda" if self.device.accelerator == "cuda" else accelerator(self.device)

    def _needed(self, choice: MemoryPlan) -> float | None:
        found = footprint(
            self.recipe,
            choice.micro_batch,
            choice.levels,
            precision(self.device, self.kind),
            ema=self.training.ema.decay > 0,
            kind=self.kind,
        )
        if found is None:
            return None
        exchanged = found.weights_gb if self.world_size > 1 else 0.0  # DDP's copy of the gradients
        return found.total_gb + exchanged

    def _with_steps(self, chosen: MemoryPlan, choices: list[MemoryPlan]) -> MemoryPlan:
        """Add the steps down: smaller passes first, then the smallest with more recomputed."""
        sizes = sorted({choice.micro_batch for choice in choices})

        def is_below(other: MemoryPlan) -> bool:
            if other.levels == chosen.levels:
                return other.micro_batch < chosen.micro_batch
            return other.levels > chosen.levels and other.micro_batch == sizes[0]

        steps: tuple[MemoryPlan, ...] = ()
        for choice in reversed([choice for choice in choices if is_below(choice)]):
            steps = (replace(choice, steps=steps), *steps)
        return replace(chosen, steps=steps)

    def _too_large(self, choices: list[MemoryPlan]) -> UserError:
        sizes = [(self._needed(choice) or 0.0, choice) for choice in choices]
        needed, smallest = min(sizes, key=lambda pair: pair[0])
        changes = ["a smaller grid (preset=half)", "a narrower network", "a larger card"]
        if "patch" in self.recipe.values:
            changes.insert(1, f"methods.{self.recipe.name}.patch=2")
        given = [
            name
            for name, is_given in {
                "training.micro_batch=0": self.training.micro_batch > 1,
                "device.recompute=auto": self.device.recompute != "auto",
            }.items()
            if is_given
        ]
        return UserError(
            f"{self.recipe.name}: training does not fit the memory: "
            f"{smallest.micro_batch} pair(s) a pass of {self.recipe.shape} voxels with "
            f"{smallest.levels} level(s) recomputed need about {needed:.1f} GB, and there are "
            f"{self.available_gb:.1f} GB; take {', '.join([*given, *changes[:-1]])} or "
            f"{changes[-1]}"
        )


def _free_on_cpu() -> int:
    """Bytes that the system could give without swapping."""
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass  # not Linux
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
