"""How a batch is divided so that it fits the device: micro-batches, activation checkpointing."""

from dataclasses import dataclass, replace
from math import prod

import psutil
import torch

from longibench.benchmark.core.errors import UserError
from longibench.benchmark.devices.fabric import accelerator, precision, processes_here
from longibench.benchmark.settings.schema import DeviceSettings, TrainingSettings
from longibench.benchmark.training.footprint import CONTEXT_GB, GB, footprint, outline
from longibench.benchmark.training.recipe import Recipe

# More than any network here keeps for a voxel in float32 (the paper's: 11 kB). What fits by this
# bound is not traced.
KEPT_A_VOXEL = 20_000  # bytes
COPIES = 5  # weights, gradients, two moments, average


@dataclass(frozen=True)
class MemoryPlan:
    """How the pairs of an optimizer step are divided, and which levels are checkpointed.

    Attributes:
        micro_batch: Pairs a micro-batch of one device.
        micro_batches: How many an optimizer step.
        checkpoint_levels: Levels of the network whose activations are checkpointed.
        needed_gb: Estimated memory, in 1e9 bytes; None if a method could not be traced.
        bound: Whether that is a rough upper bound, which fits.
        available_gb: Memory planned for.
        world_size: Devices.
        fallbacks: The plans to use in turn if memory runs out nevertheless.
    """

    micro_batch: int
    micro_batches: int
    checkpoint_levels: int = 0
    needed_gb: float | None = None
    available_gb: float = 0.0
    world_size: int = 1
    bound: bool = False
    fallbacks: tuple["MemoryPlan", ...] = ()

    def smaller(self) -> "MemoryPlan | None":
        """The next fallback; None if there is none."""
        return self.fallbacks[0] if self.fallbacks else None

    def describe(self) -> str:
        """In one line, such as ``batch of 4: 2 micro-batches of 2; about 13.2 of 23.6 GB``."""
        batch = self.micro_batch * self.micro_batches * self.world_size
        count = self.micro_batches
        several = f"{count} micro-batches" if count > 1 else "1 micro-batch"
        where = f" on each of {self.world_size} devices" if self.world_size > 1 else ""
        checkpointed = ""
        if self.checkpoint_levels:
            last = self.checkpoint_levels - 1
            levels = f"levels 0 to {last}" if last else "level 0"
            checkpointed = f", activation checkpointing of {levels}"
        divided = f"{several} of {self.micro_batch}{where}{checkpointed}"
        return f"batch of {batch}: {divided}; {self._memory()}"

    def _memory(self) -> str:
        if self.needed_gb is None:
            return f"memory unknown, {self.available_gb:.1f} GB available"
        about = "under" if self.bound else "about"
        return f"{about} {self.needed_gb:.1f} of {self.available_gb:.1f} GB"


def available_gb(settings: DeviceSettings) -> float:
    """Memory to plan for, a device: the setting, else the free memory, in 1e9 bytes."""
    if settings.memory_gb:
        return settings.memory_gb
    if accelerator(settings) == "cuda":
        free, _ = torch.cuda.mem_get_info()
        return (free + torch.cuda.memory_reserved()) / GB
    return psutil.virtual_memory().available / GB / processes_here(settings)


def plan_memory(
    recipe: Recipe,
    training: TrainingSettings,
    device: DeviceSettings,
    available_gb: float,
    world_size: int = 1,
) -> MemoryPlan:
    """Choose the fastest division of a batch that fits.

    No activation checkpointing comes first, then the fewest levels; among equals the largest
    micro-batch. ``training.micro_batch`` and ``device.activation_checkpointing`` are respected.

    Args:
        recipe: The method.
        training: Its batch size, micro batch and average.
        device: Precision and activation checkpointing.
        available_gb: Memory of one device, in 1e9 bytes.
        world_size: Devices over which a batch is divided.

    Raises:
        UserError: The batch cannot be divided so, or not even the smallest micro-batch fits.
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
        """The first choice that fits, with its fallbacks."""
        about = outline(self.recipe)
        choices = self._choices(about.checkpoint_levels)
        most = self._at_most(choices[0], about.weight_bytes)
        if most <= self.available_gb:
            return self._with_fallbacks(replace(choices[0], needed_gb=most, bound=True), choices)
        for choice in choices:
            needed = self._needed(choice)
            if needed is None or needed <= self.available_gb:
                return self._with_fallbacks(replace(choice, needed_gb=needed), choices)
        raise self._too_large(choices)

    def _choices(self, known: int) -> list[MemoryPlan]:
        """All divisions, fastest first."""
        share, checkpointing = self._share(), self.device.activation_checkpointing
        given = self.training.micro_batch
        sizes = [given] if given else [n for n in range(share, 0, -1) if share % n == 0]
        levels = range(known + 1) if checkpointing == "auto" else [min(checkpointing, known)]
        available, devices = self.available_gb, self.world_size
        return [
            MemoryPlan(n, share // n, level, None, available, devices)
            for level in levels
            for n in sizes
        ]

    def _share(self) -> int:
        """Pairs an optimizer step and device."""
        size, micro, devices = self.training.batch_size, self.training.micro_batch, self.world_size
        own = f"methods.{self.recipe.name}.training"  # a default of the method replaces shared ones
        if size % devices:
            raise UserError(
                f"{own}.batch_size={size} cannot be divided over {devices} devices: make it a "
                f"multiple of {devices}"
            )
        if micro and (size // devices) % micro:
            raise UserError(
                f"{own}.micro_batch={micro} does not divide the {size // devices} pairs of a "
                "device (training.batch_size / devices); 0 chooses one that does"
            )
        return size // devices

    def _at_most(self, choice: MemoryPlan, weights: int) -> float:
        """An upper bound; if it fits, as on small grids, the slow trace is skipped."""
        voxels = choice.micro_batch * prod(self.recipe.shape)
        most = COPIES * weights + voxels * KEPT_A_VOXEL
        return most / GB + CONTEXT_GB[self.kind]

    @property
    def kind(self) -> str:
        """Kind of device; with accelerator=cuda, also on a machine without a GPU."""
        return "cuda" if self.device.accelerator == "cuda" else accelerator(self.device)

    def _needed(self, choice: MemoryPlan) -> float | None:
        found = footprint(
            self.recipe,
            choice.micro_batch,
            choice.checkpoint_levels,
            precision(self.device, self.kind),
            ema=self.training.ema.decay > 0,
            kind=self.kind,
        )
        if found is None:
            return None
        exchanged = found.weights_gb if self.world_size > 1 else 0.0  # DDP's copy of the gradients
        return found.total_gb + exchanged

    def _with_fallbacks(self, chosen: MemoryPlan, choices: list[MemoryPlan]) -> MemoryPlan:
        """Add fallbacks: smaller micro-batches, then more activation checkpointing."""
        sizes = sorted({choice.micro_batch for choice in choices})

        def is_below(other: MemoryPlan) -> bool:
            if other.checkpoint_levels == chosen.checkpoint_levels:
                return other.micro_batch < chosen.micro_batch
            more = other.checkpoint_levels > chosen.checkpoint_levels
            return more and other.micro_batch == sizes[0]

        fallbacks: tuple[MemoryPlan, ...] = ()
        for choice in reversed([choice for choice in choices if is_below(choice)]):
            fallbacks = (replace(choice, fallbacks=fallbacks), *fallbacks)
        return replace(chosen, fallbacks=fallbacks)

    def _too_large(self, choices: list[MemoryPlan]) -> UserError:
        sizes = [(self._needed(choice) or 0.0, choice) for choice in choices]
        needed, smallest = min(sizes, key=lambda pair: pair[0])
        changes = ["a smaller grid (preset=half)", "a narrower network", "a larger card"]
        if "patch" in self.recipe.values:
            changes.insert(1, f"methods.{self.recipe.name}.patch=2")
        given = ["training.micro_batch=0"] if self.training.micro_batch > 1 else []
        if self.device.activation_checkpointing != "auto":
            given.append("device.activation_checkpointing=auto")
        return UserError(
            f"{self.recipe.name}: training does not fit the memory: "
            f"a micro-batch of {smallest.micro_batch} with {self.recipe.shape} voxels a volume and "
            f"activation checkpointing of {smallest.checkpoint_levels} level(s) needs about "
            f"{needed:.1f} GB, and there are {self.available_gb:.1f} GB; take "
            f"{', '.join([*given, *changes[:-1]])} or {changes[-1]}"
        )
