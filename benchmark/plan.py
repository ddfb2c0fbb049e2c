"""What a run will do and how long it may take, told before it starts."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from benchmark.acceleration import accelerate
from benchmark.checkpoints import last_step
from benchmark.console import Console
from benchmark.data import BACKGROUND, pad_to_multiple
from benchmark.engine import accelerator
from benchmark.generation import GenerationJob, missing_requests
from benchmark.protocol import Protocol
from benchmark.training import TrainingJob
from methods.method import Method

LARGEST_ON_CPU = 400_000  # voxels; timing a step of a larger grid would itself take minutes
SCORING_SECONDS = 0.15  # a volume, all metrics, small grids


@dataclass(frozen=True)
class Step:
    """What is left to do for one method."""

    training: TrainingJob | None
    generation: GenerationJob
    trained: bool
    generated: bool
    scored: bool

    @property
    def name(self) -> str:
        """Method and training seed."""
        return f"{self.generation.recipe.name}-s{self.generation.seed}"

    @cached_property
    def iterations_left(self) -> int:
        """Training iterations still to do."""
        if self.training is None or self.trained:
            return 0
        return self.training.training.iterations - last_step(self.training.folder)

    @cached_property
    def volumes_left(self) -> int:
        """Volumes still to draw."""
        return 0 if self.generated else len(missing_requests(self.generation))


def show_plan(steps: list[Step], protocol: Protocol, console: Console) -> None:
    """Print one line a method: what is trained, drawn and reused, and the time it may take."""
    info = protocol.info
    console.say(
        f"protocol {protocol.name}: {info['pairs']['count']} pairs of "
        f"{info['pairs']['subjects']} evaluation subjects, "
        f"{len(protocol.train_pairs)} training pairs of {info['split']['train_subjects']} subjects"
    )
    times = [_estimate(step) for step in steps]
    for step, seconds in zip(steps, times, strict=True):
        console.say(f"  {step.name:<14} {_describe(step)}; {_about(seconds)}")
    if len(steps) > 1:
        console.say(f"  {'in all':<14} {_about(_total(times))}")


def _total(times: list[float | None]) -> float | None:
    known = [seconds for seconds in times if seconds is not None]
    return sum(known) if len(known) == len(times) else None


def _describe(step: Step) -> str:
    parts = []
    if step.iterations_left:
        parts.append(f"train {step.iterations_left} iterations")
    elif step.training is not None:
        parts.append("trained already")
    parts.append(f"draw {step.volumes_left} volumes" if step.volumes_left else "drawn already")
    parts.append("scored already" if step.scored else "score")
    return ", ".join(parts)


def _about(seconds: float | None) -> str:
    if seconds is None:
        return "time unknown before the first steps"
    if seconds < 1:
        return "under a second"
    return f"about {seconds / 60:.0f} min" if seconds >= 90 else f"about {seconds:.0f} s"


def _estimate(step: Step) -> float | None:
    """Seconds left, from one timed training step and one timed forward pass."""
    scoring = 0.0 if step.scored else SCORING_SECONDS * len(step.generation.pairs)
    if not step.iterations_left and not step.volumes_left:
        return scoring
    if step.training is None:
        return scoring  # no parameters: drawing costs reading and writing
    shape = step.generation.recipe.shape
    if shape[0] * shape[1] * shape[2] > LARGEST_ON_CPU and not torch.cuda.is_available():
        return None
    update, evaluation, evaluations = _time(step.training)
    return scoring + step.iterations_left * update + step.volumes_left * evaluation * evaluations


def _time(job: TrainingJob) -> tuple[float, float, int]:
    """Seconds an update, seconds a network evaluation and volume, evaluations a volume."""
    settings = job.training
    device = torch.device(accelerator(job.device))
    with torch.random.fork_rng():
        method = accelerate(job.recipe.build(), job.device).to(device)
        batch = _fake_batch(method, settings.batch_size, device)
        turn = method.stages()[0].turns[0]

        def update() -> None:
            turn.loss(*batch).backward()

        def evaluate() -> None:
            with torch.no_grad():
                turn.loss(*batch)

        step = _shortest(update)
        evaluation = _shortest(evaluate) / settings.batch_size
    return step, evaluation, method.evaluations


def _fake_batch(method: Method, size: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    empty = torch.full((size, 1, *method.shape), BACKGROUND)
    volume = pad_to_multiple(empty, method.multiple).to(device)
    return volume, volume, torch.ones(size, device=device)


def _shortest(work: Callable[[], None]) -> float:
    times = []
    for _ in range(2):  # the first pass warms up
        began = time.perf_counter()
        work()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        times.append(time.perf_counter() - began)
    return min(times)
