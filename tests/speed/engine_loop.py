"""The same work by the benchmark's engine, and the sizes at which the two are compared."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch
from plain_loop import monai_choices
from torch import Tensor

from longibench.benchmark.devices.acceleration import accelerate, fuse
from longibench.benchmark.devices.conv3d_cpu import fast_convolutions
from longibench.benchmark.settings.loading import load_settings
from longibench.benchmark.settings.schema import DeviceSettings
from longibench.benchmark.training.recipe import Recipe
from longibench.methods.blocks import fold
from longibench.methods.conditional_diffusion import ConditionalDiffusion
from longibench.methods.noise import SeededNoise

STEPS = 4  # levels of the schedule: the cost of a step does not depend on their number
Volumes = tuple[Tensor, Tensor, Tensor]  # sources, targets, years


@dataclass(frozen=True)
class Case:
    """A method at a size.

    Attributes:
        method: Registered name.
        preset: Where its settings come from.
        shape: (X, Y, Z) of the volumes.
        train_batch: Pairs a batch of the engine in training.
        generate_batch: Volumes a batch of the engine in generation.
        steps: Levels of the schedule.
        sampler: Kind of sampler; ancestral over all levels, as in the plain loop.
        sampler_steps: Levels that the sampler visits; 0 for all.
        prediction: What the network predicts; MONAI has no skip connection of x_t.
    """

    method: str
    preset: str
    shape: tuple[int, int, int]
    train_batch: int = 4
    generate_batch: int = 8
    steps: int = STEPS
    sampler: str = "ddpm"
    sampler_steps: int = 0
    prediction: str = "x0"

    def build(self) -> ConditionalDiffusion:
        """The method with MONAI's choices where those differ, no weight of it being zero."""
        own: dict[str, Any] = {
            "schedule.steps": self.steps,
            "sampler.kind": self.sampler,
            "sampler.steps": self.sampler_steps or self.steps,
            "prediction": self.prediction,
        }
        # with the preset's betas, so few levels would add almost no noise
        own |= {"schedule.beta_start": 0.02, "schedule.beta_end": 0.5}
        values = [f"methods.{self.method}.diffusion.{key}={value}" for key, value in own.items()]
        settings = load_settings(self.preset, [f"grid.shape={list(self.shape)}", *values])
        torch.manual_seed(0)
        method: Any = Recipe.of(self.method, settings).build()
        for weight in method.parameters():
            if not weight.any():  # MONAI initialises some at zero, which would hide them
                torch.nn.init.normal_(weight, std=0.02)
        return monai_choices(method) if isinstance(method, ConditionalDiffusion) else method

    def volumes(self, count: int, device: str = "cpu") -> Volumes:
        """Random pairs."""
        generator = torch.Generator().manual_seed(0)
        pairs = torch.rand(2, count, 1, *self.shape, generator=generator) * 2 - 1
        source, target = pairs.to(device)
        return source, target, torch.linspace(1, 2, count).to(device)


class EngineLoop:
    """One optimizer step and one generated batch, as the harness does them."""

    def __init__(
        self,
        method: ConditionalDiffusion,
        settings: DeviceSettings | None = None,
        learning_rate: float = 1e-3,
        device: str = "cpu",
        fast: bool = True,
    ) -> None:
        settings = settings or DeviceSettings()
        self.device = device
        self.method = accelerate(method, settings).to(device)
        if settings.compile == "on":
            for network in self.method.networks():
                network.compile(dynamic=False)
        self.optimizer = fuse(self.method.optimizer(method.parameters(), learning_rate), settings)
        self._bf16, self._fast = settings.precision == "bf16-mixed", fast

    def loss(self, volumes: Volumes, seeds: Tensor) -> Tensor:
        """Mean loss of a batch, each pair with the noise of its seed."""
        self.method.noise = SeededNoise(seeds, self.device)
        with self._autocast():
            return self.method.training_loss(*volumes)

    def step(self, volumes: Volumes, seeds: Tensor) -> Tensor:
        """One optimizer step; returns its loss without waiting for it."""
        with self._convolutions():
            loss = self.loss(volumes, seeds)
            loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return loss.detach()

    @torch.inference_mode()
    def generate(self, source: Tensor, years: Tensor, seeds: Tensor) -> Tensor:
        """Generate one follow-up a source."""
        with self._convolutions(), self._autocast():
            return self.method.generate(source, years, seeds)

    def _convolutions(self) -> AbstractContextManager[Any]:
        return fast_convolutions(self.device if self._fast else "off")

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device, torch.bfloat16, enabled=self._bf16)


def noise_of(method: ConditionalDiffusion, source: Tensor, seeds: Tensor) -> tuple[Tensor, Tensor]:
    """The folded noise and the times, from zero, that ``training_loss`` has for these seeds."""
    noise = SeededNoise(seeds)
    folded = fold(source, method.settings.patch)
    epsilon = noise.like(folded)
    return epsilon, noise.integers(1, method.diffusion.steps + 1, like=folded) - 1
