"""The interface that every generative method implements, and its registry."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import FunctionType, MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from longibench.methods.noise import GlobalNoise, Noise

if TYPE_CHECKING:
    from longibench.methods.samplers import SamplerSettings

REGISTRY: dict[str, type["Method"]] = {}


Loss = Callable[[Tensor, Tensor, Tensor], Tensor]
Role = Literal["method", "reference", "oracle"]


class MethodSettings(BaseModel):
    """Typed settings of a method; subclass it in the method's file. Unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def of_training(self) -> dict[str, Any]:
        """What the trained weights depend on: omit what affects only ``generate``.

        Another sampler then generates with the existing weights.
        """
        return self.model_dump(mode="json")

    def sampler_settings(self) -> "SamplerSettings | None":
        """The sampler of ``generate``, if it has a choice of samplers and steps."""
        return None

    def with_sampler(self, sampler: "SamplerSettings") -> Self:
        """The same settings with another sampler.

        Raises:
            ValueError: It is not compatible with the other settings.
        """
        raise ValueError(f"{type(self).__name__} has no sampler: {sampler}")


@dataclass(frozen=True)
class NoiseLevels:
    """The noise levels of a method that denoises, for its diagnostics.

    Attributes:
        ratios: sqrt((1 - abar) / abar), noise over signal, of levels 1 to T; they rise.
        predicts_noise: Whether the noisy input is part of the estimate, as with the predictions
            epsilon and v: a network that learned nothing then returns a copy of its input.
    """

    ratios: tuple[float, ...]
    predicts_noise: bool


@dataclass(frozen=True)
class OptimizerStep:
    """One loss and the parameters that it changes, with a separate optimizer.

    Attributes:
        name: Name of the loss in curves and loggers.
        loss: Function of sources, targets and intervals.
        parameters: Parameters of the optimizer.
    """

    name: str
    loss: Loss
    parameters: tuple[nn.Parameter, ...]


@dataclass(frozen=True)
class Stage:
    """A part of the training: the optimizer steps of one iteration, for a share of all iterations.

    A GAN is one stage of two optimizer steps; latent diffusion is two stages of one.
    """

    name: str
    optimizer_steps: tuple[OptimizerStep, ...]
    share: float = 1.0

    def __post_init__(self) -> None:
        names = [step.name for step in self.optimizer_steps]
        if len(set(names)) < len(names) or not all(names):
            raise ValueError(
                f"stage '{self.name}': each optimizer step needs a name of its own, got {names}"
            )


class Method(nn.Module, ABC):
    """Generates the follow-up MRI from one source MRI and a time interval.

    Write ``training_loss`` and ``generate``; the harness owns the rest: loop, precision, EMA,
    checkpoints, logging, devices. Volumes are (B, 1, X, Y, Z) float32 in [-1, 1]; intervals are
    (B,) in years. Register by subclassing: ``class VAE(Method, name="vae")``.

    Attributes:
        summary: One line for ``python cli.py methods``.
        paper: Where the method was published.
        conditions_on: What the generated volume depends on in addition to the seed.
        Settings: The class of the method's settings.
        stochastic: Whether it promises volumes that differ between seeds; the diagnostics check it.
        learns: Whether there is anything to train.
        reference: Whether its row shows what a score gives without any generation; it is never
            ranked or compared. It is not inherited.
        oracle: Whether it is made with the simulated truth, which no method can be asked for; it is
            never ranked or compared. See ``methods.oracles``.
        training_defaults: Training settings that replace the shared ones; the user's own for the
            method, ``methods.NAME.training``, replace these.
        evaluations: Network evaluations per generated volume, for the cost table; 0 for a method
            without a network, whose result does not depend on the run's precision.
        multiple: Every side of a volume must be divisible by this; the harness pads and crops.
        generation_only: Modules and functions that affect only ``generate``, such as samplers and
            ``generate`` itself: changing them does not retrain. It is not inherited, because a
            subclass may train with what its base class only generates with.
        checkpoint_levels: Number of levels that ``checkpoint_activations`` supports; 0 if it is
            not implemented.
        noise: Random numbers of ``training_loss``; the harness sets it before every micro-batch,
            with a separate stream for each pair.
    """

    name: ClassVar[str]
    summary: ClassVar[str] = ""
    paper: ClassVar[str] = ""
    conditions_on: ClassVar[tuple[str, ...]] = ("source", "interval")
    Settings: ClassVar[type[MethodSettings]] = MethodSettings
    stochastic: ClassVar[bool] = False
    learns: ClassVar[bool] = True
    reference: ClassVar[bool] = False
    oracle: ClassVar[bool] = False
    training_defaults: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    generation_only: ClassVar[tuple[ModuleType | Callable[..., Any], ...]] = ()
    evaluations: int = 1
    multiple: int = 1
    checkpoint_levels: int = 0
    noise: Noise

    def __init_subclass__(cls, *, name: str | None = None, **rest: Any) -> None:
        super().__init_subclass__(**rest)
        _refuse_old_names(cls)
        _check_generation_only(cls)
        cls.reference = "reference" in vars(cls) and cls.reference
        if name is not None:
            _register(cls, name)

    def __init__(self, settings: MethodSettings, shape: tuple[int, int, int]) -> None:
        """Args: the method's settings, and the (X, Y, Z) of its volumes in voxels."""
        super().__init__()
        self.settings = settings
        self.shape = shape
        self.noise = GlobalNoise()

    @abstractmethod
    def training_loss(self, source: Tensor, target: Tensor, interval_years: Tensor) -> Tensor:
        """Return the scalar loss of a batch, the mean over its pairs.

        Take noise from ``self.noise``: a pair then sees the same numbers however the batch is
        divided over micro-batches and devices. Torch's global generator (dropout) is seeded before
        every micro-batch.
        """

    @abstractmethod
    def generate(self, source: Tensor, interval_years: Tensor, seeds: Tensor) -> Tensor:
        """Return one follow-up per source, each a function only of its source, interval and seed.

        Args:
            source: Source volumes, (B, 1, X, Y, Z) in [-1, 1].
            interval_years: Time from source to follow-up, (B,).
            seeds: One int64 seed per sample, (B,); see ``methods.noise``.

        Returns:
            Generated volumes, (B, 1, X, Y, Z) in [-1, 1].
        """

    def deformation(self, source: Tensor, interval_years: Tensor, seeds: Tensor) -> Tensor | None:
        """The deformation behind the generated volumes, for methods that generate by one.

        Override it to have it scored against the true deformation of a simulated cohort. Arguments
        as of ``generate``; it is called with the same ones.

        Returns:
            Displacements d in mm, (B, 3, X, Y, Z), along the axes of the volumes:
            generated(x) = source(x + d(x)). None, as by default, if there is none.
        """
        return None

    @classmethod
    def deforms(cls) -> bool:
        """Whether the method declares a deformation."""
        return cls.deformation is not Method.deformation

    def noise_levels(self) -> NoiseLevels | None:
        """The levels of ``denoised``; None, the default, if it does not denoise."""
        return None

    def diffused(self, source: Tensor, target: Tensor, interval_years: Tensor) -> Tensor:
        """The clean quantity that noise is added to, (B, 1, X, Y, Z); by default the follow-up.

        A method that diffuses a change returns that change, in the units in which it is diffused.
        """
        return target

    def denoised(
        self,
        source: Tensor,
        target: Tensor,
        interval_years: Tensor,
        level: int,
        seeds: Tensor,
    ) -> Tensor:
        """Estimate what is diffused, from the true noisy input of one level.

        Override it together with ``noise_levels``. At the last level the input is pure noise.

        Args:
            source: Source volumes, (B, 1, X, Y, Z) in [-1, 1].
            target: Real follow-ups, which are noised; the network does not get them clean.
            interval_years: Time from source to follow-up, (B,).
            level: 1 to T.
            seeds: One int64 seed per sample, (B,), of the noise; see ``methods.noise``.

        Returns:
            The estimate of ``diffused``, (B, 1, X, Y, Z), not clamped.
        """
        raise NotImplementedError(f"{self.name} has no noise levels")

    def quantities(
        self, source: Tensor, target: Tensor, interval_years: Tensor
    ) -> Mapping[str, Tensor]:
        """Further quantities for the diagnostics, by name; none by default.

        Args:
            source: Source volumes, (B, 1, X, Y, Z) in [-1, 1].
            target: Real follow-ups, (B, 1, X, Y, Z) in [-1, 1].
            interval_years: Time from source to follow-up, (B,).

        Returns:
            A number for each pair, (B,), reported as its mean; or a volume, (B, 1, X, Y, Z),
            reported as its RMSE against the real follow-up in the source's head.
        """
        return {}

    def describe(self) -> str:
        """What a table must list in addition to the name: prediction target, sampler, steps."""
        return ""

    @classmethod
    def role(cls) -> Role:
        """What its row of a table is: only methods are ranked and compared."""
        if cls.oracle:
            return "oracle"
        return "reference" if cls.reference else "method"

    def networks(self) -> tuple[nn.Module, ...]:
        """The expensive modules, which may be compiled by ``torch.compile``; none by default."""
        return ()

    def checkpoint_activations(self, levels: int) -> None:
        """Checkpoint activations of this many levels, finest first: less memory, more time."""

    def stages(self) -> tuple[Stage, ...]:
        """The training plan: by default one stage that minimises ``training_loss``."""
        step = OptimizerStep("training_loss", self.training_loss, tuple(self.parameters()))
        return (Stage("fit", (step,)),)

    def optimizer(
        self, parameters: Iterable[nn.Parameter], learning_rate: float
    ) -> torch.optim.Optimizer:
        """Build the optimizer of one optimizer step: Adam at a fixed rate unless overridden."""
        return torch.optim.Adam(parameters, lr=learning_rate)


def __getattr__(name: str) -> Any:
    if name == "Turn":
        raise ImportError("Turn(loss, parameters) is now OptimizerStep(name, loss, parameters)")
    raise AttributeError(name)


def _refuse_old_names(cls: type[Method]) -> None:
    if "recompute" in vars(cls):  # its name in version 0.1
        raise TypeError(
            f"{cls.__name__}: 'recompute' is now called 'checkpoint_activations', and 'levels' "
            "'checkpoint_levels': rename them"
        )


def _check_generation_only(cls: type[Method]) -> None:
    parts = cls.__dict__.get("generation_only", ())
    right = isinstance(parts, tuple) and all(
        isinstance(part, ModuleType | FunctionType) for part in parts
    )
    if not right:
        raise TypeError(
            f"{cls.__name__}.generation_only: a tuple of modules and functions, got {parts!r}"
        )


def _register(cls: type[Method], name: str) -> None:
    abstract = [
        key for key in dir(cls) if getattr(getattr(cls, key, None), "__isabstractmethod__", False)
    ]
    if abstract:
        raise TypeError(f"{cls.__name__} cannot be registered: it lacks {', '.join(abstract)}")
    if name in REGISTRY:
        other = REGISTRY[name]
        raise TypeError(f"method name '{name}' is taken by {other.__module__}.{other.__qualname__}")
    cls.name = name
    REGISTRY[name] = cls
