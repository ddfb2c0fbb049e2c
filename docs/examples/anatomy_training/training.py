"""Trains the embedded network: one loop on two cores, resumable, the same weights every time."""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from anatomy_training.anatomies import SEED, YOUNG, World, sample_map
from anatomy_training.images import SHAPE, USUAL, Camera, Example
from longibench.benchmark.core.console import Console
from longibench.benchmark.core.files import atomic_file, write_text
from longibench.metrics.anatomy_grid import padded, regridded
from longibench.metrics.anatomy_network import (
    FOLDED,
    PROPERTIES,
    SPACING_MM,
    TISSUES,
    AnatomyNetwork,
)

LOG = "anatomy_training.csv"
STATE = "state.pt"
WEIGHTS = "anatomy.safetensors"
LOG_EVERY = 20
# Errors of a whole image have large gradients: heavier, they would drown those of the voxels.
PROPERTIES_WEIGHT = 0.05
VOLUME_WEIGHT = 0.3
Volumes = Mapping[tuple[str, ...], float]
# Tissues whose volumes are compared with the truth, and how much each counts.
VOLUMES: Volumes = {
    ("grey", "white", "hippocampus"): 2.0,
    ("grey", "hippocampus"): 1.0,
    ("white",): 1.0,
    ("ventricles",): 1.0,
}
# The hippocampi, which Dice makes too large, only in the second half: before they are found, their
# volume would be met by a constant share of all grey matter, and they would never be found.
LATE_VOLUMES: Volumes = {**VOLUMES, ("hippocampus",): 3.0}
# Noise is the hardest to see between the edges of tissue.
PROPERTY_WEIGHTS = {"noise": 4.0}
LEAST_DEVIATION = 1e-3  # of a feature that is always the same
LEAST_ML = 3.0  # added to volumes: relative errors of small ones are not blown up


@dataclass(frozen=True)
class Recipe:
    """How the network is trained.

    Attributes:
        iterations: Optimizer steps.
        batch: Images in a batch, two of a head.
        learning_rate: Maximum, reached after ``warmup`` steps, followed by cosine decay.
        warmup: Optimizer steps of linear warm-up.
        checkpoint_every: Optimizer steps between checkpoints.
        standard: Batches after the training that features are standardised by.
    """

    iterations: int = 2000
    batch: int = 4
    learning_rate: float = 3e-3
    warmup: int = 100
    checkpoint_every: int = 100
    standard: int = 50

    def rate(self, step: int) -> float:
        """Learning rate of an optimizer step."""
        if step < self.warmup:
            return self.learning_rate * (step + 1) / self.warmup
        progress = (step - self.warmup) / max(1, self.iterations - self.warmup)
        return self.learning_rate * 0.5 * (1 + float(np.cos(np.pi * progress)))

    def volumes(self, step: int) -> Volumes:
        """Tissues whose volumes count in an optimizer step."""
        return VOLUMES if step < self.iterations // 2 else LATE_VOLUMES


Batch = list[Example]


class Batches(Dataset[Batch]):
    """The batch of every iteration, a function only of its number."""

    def __init__(self, recipe: Recipe, world: World, start: int) -> None:
        """Args: the recipe; what all heads share; the first iteration."""
        self._recipe, self._world, self._start = recipe, world, start
        self._elderly, self._young = Camera(world.elderly), Camera(world.young)

    def __len__(self) -> int:
        return self._recipe.iterations + self._recipe.standard - self._start

    def __getitem__(self, index: int) -> Batch:
        heads = self._recipe.batch // 2
        first = (self._start + index) * heads
        return [shot for number in range(heads) for shot in self._shots(first + number)]

    def _shots(self, number: int) -> list[Example]:
        rng = np.random.default_rng([SEED, 1, number])
        camera = self._young if rng.random() < YOUNG else self._elderly
        return camera.shoot(sample_map(self._world, number + 1), rng)


def losses(network: AnatomyNetwork, batch: Batch, volumes: Volumes) -> dict[str, Tensor]:
    """Cross entropy, Dice loss and volume error of the tissue, error of properties; their sum."""
    logits, features = seen(network, batch)
    tissue = torch.stack([one.tissue for one in batch])
    shares = logits.softmax(dim=1)
    parts = {
        "entropy": F.cross_entropy(logits, tissue),
        "dice": 1 - soft_dice(shares, tissue)[1:].mean(),
        "volume": volume_error(shares, tissue, volumes),
        "properties": property_error(network.properties(features), batch),
    }
    total = parts["entropy"] + parts["dice"] + VOLUME_WEIGHT * parts["volume"]
    return {"loss": total + PROPERTIES_WEIGHT * parts["properties"], **parts}


def seen(network: AnatomyNetwork, batch: Batch) -> tuple[Tensor, Tensor]:
    """Logits (B, 6, *SHAPE) and features (B, d) of a batch, whose images differ in voxels."""
    working = torch.cat([regridded(one.image[None], SHAPE) for one in batch])
    working = working.contiguous(memory_format=torch.channels_last_3d)
    stages = network.stages(working)
    features = []
    for number, one in enumerate(batch):
        even, _ = padded(one.image[None], 2)
        its = tuple(stage[number : number + 1] for stage in stages)
        features.append(network.pooled(even, network.textures(even), its))
    return network.logits(working, stages), torch.cat(features)


def property_error(found: Tensor, batch: Batch) -> Tensor:
    """Weighted mean squared error of ``PROPERTIES`` (B, 11)."""
    weights = torch.tensor([PROPERTY_WEIGHTS.get(name, 1.0) for name in PROPERTIES])
    true = torch.stack([one.properties for one in batch])
    return (weights * (found - true) ** 2).mean()


def volume_error(found: Tensor, true: Tensor, volumes: Volumes) -> Tensor:
    """Weighted mean squared error of the logarithms of ``volumes``, shares (B, 6, X, Y, Z)."""
    ml = SPACING_MM**3 / 1000
    found, true = (shares.sum(dim=(2, 3, 4)) * ml for shares in (found, true))
    total = found.new_zeros(())
    for names, weight in volumes.items():
        columns = [TISSUES.index(name) for name in names]
        a, b = found[:, columns].sum(dim=1), true[:, columns].sum(dim=1)
        total = total + weight * ((a + LEAST_ML) / (b + LEAST_ML)).log().square().mean()
    return total


def soft_dice(found: Tensor, true: Tensor) -> Tensor:
    """Overlap of shares (B, 6, X, Y, Z) over the whole batch, by tissue, (6,).

    With squares in the denominator (Milletari et al. 2016, V-Net, eq. of section 3), so that
    equal shares overlap fully.
    """
    axes = (0, 2, 3, 4)
    overlap = 2 * (found * true).sum(dim=axes)
    return (overlap + 1) / ((found**2).sum(dim=axes) + (true**2).sum(dim=axes) + 1)


def train(folder: Path, recipe: Recipe, console: Console) -> Path:
    """Train to the end, resuming from the folder's checkpoint.

    Args:
        folder: Folder of checkpoint, log and weights.
        recipe: Training settings.
        console: For progress.

    Returns:
        The weights, half precision, safetensors.
    """
    torch.set_num_threads(1)  # the other core computes images
    torch.manual_seed(SEED)
    network = prepared(AnatomyNetwork()).to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=1e-4)
    step, rows = _restored(folder / STATE, network, optimizer)
    before, began = rows[-1]["seconds"] if rows else 0.0, time.monotonic()
    window: list[dict[str, float]] = []
    batches = _batches(recipe, step, console)
    with console.bar("train anatomy", recipe.iterations, step) as bar:
        for batch in islice(batches, recipe.iterations - step):
            given = recipe.rate(step), recipe.volumes(step)
            window.append(_optimizer_step(network, optimizer, batch, *given))
            step += 1
            bar.advance(note=f"loss {window[-1]['loss']:.3f}")
            if step % LOG_EVERY == 0 or step == recipe.iterations:
                seconds = round(before + time.monotonic() - began, 1)
                rows.append({"iteration": step, **_mean(window), "seconds": seconds})
                window.clear()
            if step % recipe.checkpoint_every == 0 or step == recipe.iterations:
                _save(folder, network, optimizer, step, rows)
    standardise(network, batches)
    return write_weights(folder / WEIGHTS, network)


@torch.inference_mode()
def standardise(network: AnatomyNetwork, batches: Iterable[Batch]) -> None:
    """Store mean and standard deviation of the features over images of the training's kind."""
    network.eval()
    features = torch.cat([seen(network, batch)[1] for batch in batches])
    network.mean.copy_(features.mean(dim=0))
    network.deviation.copy_(features.std(dim=0).clamp(min=LEAST_DEVIATION))


def prepared(network: AnatomyNetwork) -> AnatomyNetwork:
    """The network with the usual share of each tissue as its first guess."""
    usual = torch.tensor(USUAL[0], dtype=torch.float32).log()
    network.tissue.bias.data.copy_(usual.repeat_interleave(FOLDED))
    return network


def _mean(window: list[dict[str, float]]) -> dict[str, float]:
    return {name: round(float(np.mean([row[name] for row in window])), 5) for name in window[0]}


def write_weights(path: Path, network: AnatomyNetwork) -> Path:
    """Store weights and statistics in half precision, without counters."""
    state = {
        name: value.half().contiguous()
        for name, value in network.state_dict().items()
        if value.is_floating_point()
    }
    with atomic_file(path) as temporary:
        save_file(state, temporary)
    return path


def _batches(recipe: Recipe, start: int, console: Console) -> Iterator[Batch]:
    console.say("loading the templates")
    data = Batches(recipe, World.load(), start)
    yield from DataLoader(
        data, batch_size=None, num_workers=1, prefetch_factor=8, generator=torch.Generator()
    )


def _optimizer_step(
    network: AnatomyNetwork,
    optimizer: torch.optim.Optimizer,
    batch: Batch,
    rate: float,
    volumes: Volumes,
) -> dict[str, float]:
    for group in optimizer.param_groups:
        group["lr"] = rate
    network.train()
    found = losses(network, batch, volumes)
    optimizer.zero_grad(set_to_none=True)
    found["loss"].backward()
    torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
    optimizer.step()
    return {name: float(value.detach()) for name, value in found.items()}


def _save(
    folder: Path,
    network: AnatomyNetwork,
    optimizer: torch.optim.Optimizer,
    step: int,
    rows: list[dict[str, float]],
) -> None:
    state = {"step": step, "network": network.state_dict(), "optimizer": optimizer.state_dict()}
    with atomic_file(folder / STATE) as temporary:
        torch.save({**state, "rows": rows}, temporary)
    write_text(folder / LOG, pd.DataFrame(rows).to_csv(index=False))


def _restored(
    path: Path, network: AnatomyNetwork, optimizer: torch.optim.Optimizer
) -> tuple[int, list[dict[str, float]]]:
    if not path.is_file():
        return 0, []
    state = torch.load(path, weights_only=True)
    network.load_state_dict(state["network"])
    optimizer.load_state_dict(state["optimizer"])
    return int(state["step"]), list(state["rows"])
