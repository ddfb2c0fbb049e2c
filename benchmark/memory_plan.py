"""How a batch is divided so that it fits the device's memory."""

from dataclasses import dataclass, replace

from benchmark.recipe import Recipe
from benchmark.settings import DeviceSettings, TrainingSettings


@dataclass(frozen=True)
class MemoryPlan:
    """Pairs a pass and levels whose activations are computed again."""

    micro_batch: int
    accumulate: int
    levels: int
    needed_gb: float | None = None

    def smaller(self) -> "MemoryPlan | None":
        """The next step down."""
        if self.micro_batch == 1:
            return None
        half = next(
            n
            for n in range(self.micro_batch // 2, 0, -1)
            if (self.micro_batch * self.accumulate) % n == 0
        )
        total = self.micro_batch * self.accumulate
        return replace(self, micro_batch=half, accumulate=total // half)

    def describe(self) -> str:
        """In one line."""
        return f"{self.micro_batch} pairs a pass x {self.accumulate}"


def available_gb(settings: DeviceSettings) -> float:
    """Memory to plan for."""
    return settings.memory_gb or 1e9


def plan_memory(
    recipe: Recipe,
    training: TrainingSettings,
    device: DeviceSettings,
    available_gb: float,
    world_size: int = 1,
) -> MemoryPlan:
    """Choose the passes."""
    share = training.batch_size // world_size
    micro = training.micro_batch or share
    return MemoryPlan(micro, share // micro, 0)
