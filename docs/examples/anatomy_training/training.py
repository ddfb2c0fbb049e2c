"""Trains the embedded network: one loop on two cores, resumable, the same weights every time."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from anatomy_training.anatomies import SEED, World, sample_maps
from anatomy_training.images import Camera, Example
from longibench.benchmark.core.console import Console
from longibench.benchmark.core.files import atomic_file, write_text
from longibench.metrics.anatomy_network import AnatomyNetwork

LOG = "anatomy_training.csv"
STATE = "state.pt"
WEIGHTS = "anatomy.safetensors"
LOG_EVERY = 20
PROPERTIES_WEIGHT = 0.3


@dataclass(frozen=True)
class Recipe:
    """How the network is trained.

    Attributes:
        anatomies: Number of anatomies, sampled once; each is used in many images.
        iterations: Optimizer steps.
        crops: Parts of heads in a batch.
        wholes: Whole heads in a batch.
        whole_share: Share of batches of whole heads.
        learning_rate: Maximum, reached after ``warmup`` steps, followed by cosine decay.
        warmup: Optimizer steps of linear warm-up.
        checkpoint_every: Optimizer steps between checkpoints.
    """

    anatomies: int = 300
    iterations: int = 1700
    crops: int = 4
    wholes: int = 2
    whole_share: float = 0.35
    learning_rate: float = 2e-3
    warmup: int = 100
    checkpoint_every: int = 100

    def rate(self, step: int) -> float:
        """Learning rate of an optimizer step."""
        if step < self.warmup:
            return self.learning_rate * (step + 1) / self.warmup
        progress = (step - self.warmup) / max(1, self.iterations - self.warmup)
        return self.learning_rate * 0.5 * (1 + float(np.cos(np.pi * progress)))


Batch = tuple[Tensor, Tensor, Tensor]


class Batches(Dataset[Batch]):
    """The batch of every iteration, a function only of its number."""

    def __init__(self, recipe: Recipe, maps: Tensor, camera: Camera, start: int) -> None:
        """Args: the recipe; anatomies; the camera; the first iteration."""
        self._recipe, self._maps, self._camera, self._start = recipe, maps, camera, start

    def __len__(self) -> int:
        return self._recipe.iterations - self._start

    def __getitem__(self, index: int) -> Batch:
        rng = np.random.default_rng([SEED, 1, self._start + index])
        whole = bool(rng.random() < self._recipe.whole_share)
        count = self._recipe.wholes if whole else self._recipe.crops
        return collate(
            [
                self._camera.shoot(self._maps[rng.integers(len(self._maps))], rng, whole)
                for _ in range(count)
            ]
        )


def collate(examples: list[Example]) -> Batch:
    """Images (B, 1, X, Y, Z), tissue (B, 5, X, Y, Z) and properties (B, 9)."""
    images = torch.stack([example.image for example in examples])
    tissue = torch.stack([example.tissue for example in examples])
    return images, tissue, torch.stack([example.properties for example in examples])


def losses(network: AnatomyNetwork, batch: Batch) -> dict[str, Tensor]:
    """Cross entropy and Dice loss of the tissue, squared error of the properties, and their sum."""
    images, tissue, properties = batch
    logits, guesses = network(images)
    entropy = F.cross_entropy(logits, tissue)
    dice = 1 - soft_dice(logits.softmax(dim=1), tissue)[1:].mean()
    properties_loss = F.mse_loss(guesses, properties)
    total = entropy + dice + PROPERTIES_WEIGHT * properties_loss
    return {"loss": total, "entropy": entropy, "dice": dice, "told": properties_loss}  # as in LOG


def soft_dice(found: Tensor, true: Tensor) -> Tensor:
    """Overlap of shares (B, 5, X, Y, Z) over the whole batch, by tissue, (5,).

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
    network = AnatomyNetwork().to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=1e-4)
    step, rows = _restored(folder / STATE, network, optimizer)
    before, began = rows[-1]["seconds"] if rows else 0.0, time.monotonic()
    window: list[dict[str, float]] = []
    with console.bar("train anatomy", recipe.iterations, step) as bar:
        for batch in _batches(recipe, step, console):
            window.append(_optimizer_step(network, optimizer, batch, recipe.rate(step)))
            step += 1
            bar.advance(note=f"loss {window[-1]['loss']:.3f}")
            if step % LOG_EVERY == 0 or step == recipe.iterations:
                seconds = round(before + time.monotonic() - began, 1)
                rows.append({"iteration": step, **_mean(window), "seconds": seconds})
                window.clear()
            if step % recipe.checkpoint_every == 0 or step == recipe.iterations:
                _save(folder, network, optimizer, step, rows)
    return write_weights(folder / WEIGHTS, network)


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
    if start >= recipe.iterations:
        return
    console.say(f"sampling {recipe.anatomies} anatomies")
    world = World.load()
    data = Batches(recipe, sample_maps(world, recipe.anatomies), Camera(world), start)
    yield from DataLoader(
        data, batch_size=None, num_workers=1, prefetch_factor=8, generator=torch.Generator()
    )


def _optimizer_step(
    network: AnatomyNetwork, optimizer: torch.optim.Optimizer, batch: Batch, rate: float
) -> dict[str, float]:
    for group in optimizer.param_groups:
        group["lr"] = rate
    network.train()
    images, tissue, properties = batch
    images = images.to(memory_format=torch.channels_last_3d)
    found = losses(network, (images, tissue, properties))
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
