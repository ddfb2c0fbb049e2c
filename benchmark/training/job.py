"""Everything that determines a training."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from longibench.benchmark.settings.schema import DeviceSettings, TrainingSettings
from longibench.benchmark.training.recipe import Recipe


@dataclass(frozen=True)
class TrainingJob:
    """Everything that determines a training, and its folder.

    Attributes:
        recipe: The method and its settings.
        training: Iterations, batch size and so on.
        device: Where to run.
        pairs: Training pairs.
        seed: Run seed.
        folder: Folder of checkpoints and losses.
        quiet: Show no progress.
        validation_pairs: Pairs to validate on; none are trained on.
    """

    recipe: Recipe
    training: TrainingSettings
    device: DeviceSettings
    pairs: pd.DataFrame
    seed: int
    folder: Path
    quiet: bool = False
    validation_pairs: pd.DataFrame | None = None

    def describe(self) -> dict[str, Any]:
        """Content of ``settings.json`` next to the checkpoints."""
        return {
            **self.recipe.describe(),
            "training": self.training.model_dump(mode="json"),
            "device": self.device.model_dump(mode="json"),
            "seed": self.seed,
            "pairs": len(self.pairs),
        }
