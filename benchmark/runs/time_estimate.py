"""The plan of a run and an estimate of its time, printed before it starts."""

from dataclasses import dataclass
from functools import cached_property
from math import prod

import torch
from torch import Tensor

from longibench.benchmark.core.console import Console
from longibench.benchmark.devices.acceleration import accelerate
from longibench.benchmark.devices.fabric import accelerator, count_processes, resolved
from longibench.benchmark.devices.timing import shortest
from longibench.benchmark.evaluation.diagnostics import cost_in_volumes, will_be_diagnosed
from longibench.benchmark.evaluation.generate import GenerationJob, missing_requests
from longibench.benchmark.preparation.steps.intensity import BACKGROUND
from longibench.benchmark.protocol.protocol import Protocol
from longibench.benchmark.settings.schema import DEFAULT_METRICS
from longibench.benchmark.training.checkpoints import last_step
from longibench.benchmark.training.job import TrainingJob
from longibench.benchmark.training.memory_plan import MemoryPlan, available_gb, plan_memory
from longibench.benchmark.training.pair_loader import pad_to_multiple
from longibench.methods.method import Method

LARGEST_ON_CPU = 400_000  # voxels; timing a step of a larger grid would take minutes
SCORING_SECONDS = 0.15  # a volume, the default metrics, small grids
FEW = 3  # metrics that a line of the plan names


@dataclass(frozen=True)
class Remaining:
    """The remaining work for one method."""

    training: TrainingJob | None
    generation: GenerationJob
    trained: bool
    generated: bool
    metrics_left: tuple[str, ...]

    @property
    def scored(self) -> bool:
        """Whether nothing is left to score."""
        return not self.metrics_left

    @property
    def name(self) -> str:
        """Method and training seed."""
        return f"{self.generation.recipe.name}-s{self.generation.seed}"

    @cached_property
    def iterations_left(self) -> int:
        """Training iterations left."""
        if self.training is None or self.trained:
            return 0
        return self.training.training.iterations - last_step(self.training.folder)

    @cached_property
    def volumes_left(self) -> int:
        """Volumes left to generate."""
        return 0 if self.generated else len(missing_requests(self.generation))

    def volumes_of_diagnosis(self, evaluations: int) -> float:
        """About as many more volumes cost what the diagnostics cost, which are left."""
        if not will_be_diagnosed(self.generation, self.volumes_left):
            return 0
        return cost_in_volumes(self.generation.pairs, evaluations)


def show_plan(steps: list[Remaining], protocol: Protocol, console: Console) -> None:
    """Print one line a method: what is trained, generated and reused, and the estimated time."""
    info = protocol.info
    console.say(
        f"protocol {protocol.name}: {info['pairs']['count']} pairs of "
        f"{info['pairs']['subjects']} test subjects, "
        f"{len(protocol.train_pairs)} pairs of {info['split']['train_subjects']} train subjects"
    )
    times = [_estimate(step) for step in steps]
    for step, seconds in zip(steps, times, strict=True):
        console.say(f"  {step.name:<14} {_describe(step)}; {_about(seconds)}")
    if len(steps) > 1:
        console.say(f"  {'in all':<14} {_about(_total(times))}")


def _total(times: list[float | None]) -> float | None:
    known = [seconds for seconds in times if seconds is not None]
    return sum(known) if len(known) == len(times) else None


def _describe(step: Remaining) -> str:
    parts = []
    if step.iterations_left:
        parts.append(f"train {step.iterations_left} iterations")
    elif step.training is not None:
        parts.append("trained already")
    left = step.volumes_left
    parts.append(f"generate {left} volumes" if left else "generated already")
    parts.append(_scoring(step))
    return ", ".join(parts)


def _scoring(step: Remaining) -> str:
    """The remaining metrics; a finished cell may lack only some."""
    if step.scored:
        return "scored already"
    names = step.metrics_left
    few = step.generated and len(names) <= FEW
    return f"score {', '.join(names)}" if few else "score"


def _about(seconds: float | None) -> str:
    if seconds is None:
        return "time unknown before the first steps"
    if seconds < 1:
        return "under a second"
    return f"about {seconds / 60:.0f} min" if seconds >= 90 else f"about {seconds:.0f} s"


def _estimate(step: Remaining) -> float | None:
    """Seconds left, from one timed training step and one timed forward pass."""
    share = min(1.0, len(step.metrics_left) / len(DEFAULT_METRICS))
    scoring = SCORING_SECONDS * share * len(step.generation.pairs)
    if not step.iterations_left and not step.volumes_left:
        return scoring
    if step.training is None:
        return scoring  # no parameters: generation only reads and writes
    if not _can_be_timed(step.training):
        return None
    step_seconds, evaluation, evaluations = _time(step.training, trains=step.iterations_left > 0)
    # the first batch is generated twice
    volumes: float = step.volumes_left + min(
        step.volumes_left, step.generation.generation.batch_size
    )
    volumes += step.volumes_of_diagnosis(evaluations)
    return scoring + step.iterations_left * step_seconds + volumes * evaluation * evaluations


def _can_be_timed(job: TrainingJob) -> bool:
    """Whether the device is on this machine, as a cluster's need not be, and fast enough."""
    if job.device.accelerator == "cuda" and not torch.cuda.is_available():
        return False
    return accelerator(job.device) == "cuda" or prod(job.recipe.shape) <= LARGEST_ON_CPU


def _time(job: TrainingJob, *, trains: bool) -> tuple[float, float, int]:
    """Seconds a training step, seconds a network evaluation and volume, evaluations a volume.

    A step is timed as it will be run: with the planned micro-batch, precision and activation
    checkpointing. More might not fit the memory. If nothing is left to train, no training step is
    timed.

    Raises:
        UserError: No micro-batch of the training fits the memory.
    """
    device, precision = torch.device(accelerator(job.device)), resolved(job.device).precision
    plan = _planned(job) if trains else MemoryPlan(1, 1)
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        dtype = torch.float64 if precision == "64-true" else torch.float32
        method = accelerate(job.recipe.build(), job.device).to(device, dtype)
        method.checkpoint_activations(plan.checkpoint_levels)
        batch = _fake_batch(method, plan.micro_batch, device, dtype)
        step = method.stages()[0].optimizer_steps[0]
        mixed = torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16-mixed")

        def backward() -> None:
            with mixed:
                loss = step.loss(*batch)
            loss.backward()

        def evaluate() -> None:
            with torch.no_grad(), mixed:
                step.loss(*batch)

        step_seconds = shortest(backward, device.type) * plan.micro_batches if trains else 0.0
        evaluation = shortest(evaluate, device.type) / plan.micro_batch
    return step_seconds, evaluation, method.evaluations


def _planned(job: TrainingJob) -> MemoryPlan:
    available, processes = available_gb(job.device), count_processes(job.device)
    return plan_memory(job.recipe, job.training, job.device, available, processes)


def _fake_batch(
    method: Method, size: int, device: torch.device, dtype: torch.dtype
) -> tuple[Tensor, Tensor, Tensor]:
    empty = torch.full((size, 1, *method.shape), BACKGROUND, dtype=dtype)
    volume = pad_to_multiple(empty, method.multiple).to(device)
    return volume, volume, torch.ones(size, device=device, dtype=dtype)
