"""The registry, and training plans beyond one loss: a GAN's two turns, two stages."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from longibench.benchmark.core.console import Console
from longibench.benchmark.settings.schema import DeviceSettings, TrainingSettings
from longibench.benchmark.training.checkpoints import Checkpoint, load_latest
from longibench.benchmark.training.job import TrainingJob
from longibench.benchmark.training.loop import train
from longibench.benchmark.training.recipe import Recipe
from longibench.methods.method import REGISTRY, Method, MethodSettings, OptimizerStep, Stage

SHAPE = (4, 4, 4)
RATE = 0.125


@pytest.fixture(autouse=True)
def registry() -> Iterator[None]:
    """Forget what a test registers."""
    before = dict(REGISTRY)
    yield
    REGISTRY.clear()
    REGISTRY.update(before)


class Toy(Method):
    """Two numbers; abstract in nothing, registered by its subclasses."""

    def __init__(self, settings: MethodSettings, shape: tuple[int, int, int]) -> None:
        super().__init__(settings, shape)
        self.first = nn.Parameter(torch.zeros(()))
        self.second = nn.Parameter(torch.zeros(()))

    def training_loss(self, source: Tensor, target: Tensor, interval_years: Tensor) -> Tensor:
        return self.first.square() + self.second.square()

    def generate(self, source: Tensor, interval_years: Tensor, seeds: Tensor) -> Tensor:
        return source

    def optimizer(
        self, parameters: Iterable[nn.Parameter], learning_rate: float
    ) -> torch.optim.Optimizer:
        """Plain descent: a constant gradient moves a number by the rate."""
        return torch.optim.SGD(parameters, lr=learning_rate)


def trained(name: str, folder: Path, iterations: int = 6) -> Checkpoint:
    """Train a registered method on one pair of empty volumes."""
    path = folder / "empty.nii"
    nib.save(nib.Nifti1Image(np.zeros(SHAPE, dtype=np.float32), np.eye(4)), path)
    pairs = pd.DataFrame({"source": [str(path)], "target": [str(path)], "interval_years": [1.0]})
    train(
        TrainingJob(
            recipe=Recipe(name, {}, SHAPE),
            training=TrainingSettings(iterations=iterations, learning_rate=RATE),
            device=DeviceSettings(accelerator="cpu", threads=1),
            pairs=pairs,
            seed=0,
            folder=folder / "model",
            quiet=True,
        )
    )
    checkpoint = load_latest(folder / "model", Console(quiet=True))
    assert checkpoint is not None
    return checkpoint


def weights(checkpoint: Checkpoint) -> tuple[float, float]:
    return float(checkpoint.weights["first"]), float(checkpoint.weights["second"])


def test_a_subclass_with_a_name_is_registered() -> None:
    class Named(Toy, name="named"):
        pass

    assert REGISTRY["named"] is Named
    assert Named.name == "named"


def test_a_subclass_without_a_name_is_a_base() -> None:
    before = dict(REGISTRY)

    class Base(Toy):
        pass

    assert before == REGISTRY
    assert not hasattr(Base, "name")


def test_a_name_is_given_once() -> None:
    class Named(Toy, name="named"):
        pass

    with pytest.raises(TypeError, match=r"'named' is taken by .*Named"):
        type("Other", (Toy,), {}, name="named")
    assert REGISTRY["named"] is Named


@pytest.mark.parametrize("missing", ["training_loss", "generate"])
def test_an_abstract_class_is_refused(missing: str) -> None:
    written = {key: getattr(Toy, key) for key in ("training_loss", "generate") if key != missing}
    with pytest.raises(TypeError, match=f"Half cannot be registered: it lacks {missing}"):
        type("Half", (Method,), written, name="half")
    assert "half" not in REGISTRY


def test_an_unknown_class_argument_is_refused() -> None:
    with pytest.raises(TypeError):
        type("Odd", (Toy,), {}, name="odd", colour="red")


def test_the_defaults_burden_nobody() -> None:
    method = Toy(MethodSettings(), SHAPE)
    (stage,) = method.stages()
    assert stage.optimizer_steps == (
        OptimizerStep("training_loss", method.training_loss, (method.first, method.second)),
    )
    assert (method.learns, method.evaluations, method.multiple, method.describe()) == (
        True,
        1,
        1,
        "",
    )
    assert method.conditions_on == ("source", "interval")
    optimizer = Method.optimizer(method, method.parameters(), 1e-3)
    assert isinstance(optimizer, torch.optim.Adam)
    assert optimizer.defaults["lr"] == 1e-3


def test_two_optimizer_steps_an_iteration_each_with_its_own_parameters(tmp_path: Path) -> None:
    """A GAN: each loss has a gradient in the other's weights, which must not reach them."""

    class Adversaries(Toy, name="adversaries"):
        def generator_loss(self, source: Tensor, target: Tensor, years: Tensor) -> Tensor:
            return -self.first + 100 * self.second

        def critic_loss(self, source: Tensor, target: Tensor, years: Tensor) -> Tensor:
            return 2 * self.second + 100 * self.first

        def stages(self) -> tuple[Stage, ...]:
            generator = OptimizerStep("generator", self.generator_loss, (self.first,))
            critic = OptimizerStep("critic", self.critic_loss, (self.second,))
            return (Stage("gan", (generator, critic)),)

    assert weights(trained("adversaries", tmp_path)) == (6 * RATE, -2 * 6 * RATE)


def test_an_optimizer_step_sees_the_one_before_it(tmp_path: Path) -> None:
    class Chase(Toy, name="chase"):
        def lead(self, source: Tensor, target: Tensor, years: Tensor) -> Tensor:
            return -self.first

        def follow(self, source: Tensor, target: Tensor, years: Tensor) -> Tensor:
            return -self.second * self.first.detach()

        def stages(self) -> tuple[Stage, ...]:
            lead = OptimizerStep("lead", self.lead, (self.first,))
            follow = OptimizerStep("follow", self.follow, (self.second,))
            return (Stage("chase", (lead, follow)),)

    assert weights(trained("chase", tmp_path, iterations=2)) == (2 * RATE, (1 + 2) * RATE**2)


def test_two_stages_share_the_iterations(tmp_path: Path) -> None:
    """Latent diffusion: two of six iterations for the first stage, then it stands still."""

    class TwoStages(Toy, name="two-stages"):
        def compress(self, source: Tensor, target: Tensor, years: Tensor) -> Tensor:
            return -self.first

        def stages(self) -> tuple[Stage, ...]:
            compress = OptimizerStep("compress", self.compress, (self.first,))
            diffuse = OptimizerStep("diffuse", self.diffuse, (self.second,))
            return (Stage("compress", (compress,), 1), Stage("diffuse", (diffuse,), 2))

        def diffuse(self, source: Tensor, target: Tensor, years: Tensor) -> Tensor:
            return -self.second * self.first  # the second stage stands on the first

    checkpoint = trained("two-stages", tmp_path)
    assert weights(checkpoint) == (2 * RATE, 4 * RATE * 2 * RATE)
    assert checkpoint.losses[-1][0] == "diffuse"


def test_a_name_of_an_earlier_version_is_refused_with_its_new_one() -> None:
    with pytest.raises(TypeError, match=r"Old: 'recompute' is now called 'checkpoint_activations'"):
        type("Old", (Toy,), {"recompute": 1}, name="old")
    assert "old" not in REGISTRY
    with pytest.raises(ImportError, match="OptimizerStep"):
        from longibench.methods.method import Turn  # type: ignore[attr-defined] # noqa: F401


@pytest.mark.parametrize("names", [("loss", "loss"), ("",)])
def test_optimizer_steps_have_names_of_their_own(names: tuple[str, ...]) -> None:
    steps = tuple(OptimizerStep(name, lambda *batch: batch[0], ()) for name in names)
    with pytest.raises(ValueError, match="stage 'fit': each optimizer step needs a name"):
        Stage("fit", steps)


def test_a_method_declares_a_deformation_by_overriding_it() -> None:
    class Warps(Toy):
        def deformation(self, source: Tensor, interval_years: Tensor, seeds: Tensor) -> Tensor:
            return source.expand(-1, 3, -1, -1, -1)

    assert Warps.deforms()
    assert not Toy.deforms()
