"""A method with its settings: enough to build it again in any process, and its identity."""

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from longibench.benchmark.core.code_identity import class_digest
from longibench.benchmark.settings.messages import validate
from longibench.benchmark.settings.plugins import find_method, load_methods
from longibench.benchmark.settings.schema import Settings, TrainingSettings
from longibench.methods.method import Method, MethodSettings
from longibench.methods.samplers import SamplerSettings


@dataclass(frozen=True)
class Recipe:
    """How to build a method.

    Attributes:
        name: Registered name.
        values: The method's own settings, complete and checked, as plain values: a plugin's
            classes cannot travel to another process.
        shape: (X, Y, Z) of the benchmark's grid.
        plugins: Files that must be imported first.
    """

    name: str
    values: dict[str, Any]
    shape: tuple[int, int, int]
    plugins: tuple[Path, ...] = ()

    @classmethod
    def of(cls, name: str, settings: Settings, plugins: tuple[Path, ...] = ()) -> "Recipe":
        """Read a method's settings out of a run's.

        Raises:
            UserError: An unknown method, setting or value.
        """
        load_methods(plugins)
        method = find_method(name)
        for training in (False, True):
            code_of(method, training=training)  # the code as imported, before a file changes
        own: MethodSettings = validate(method.Settings, settings.own_of(name), f"methods.{name}")
        return cls(name, own.model_dump(mode="json"), settings.grid.shape, plugins)

    def method(self) -> type[Method]:
        """The registered class; imports the plugins first: this may be another process."""
        load_methods(self.plugins)
        return find_method(self.name)

    def settings(self) -> MethodSettings:
        """The values as the method's typed settings."""
        return self.method().Settings.model_validate(self.values)

    def training(self, settings: Settings) -> TrainingSettings:
        """How a run trains the method; raises a UserError as ``Settings.training_of``."""
        return settings.training_of(self.name, self.method().training_defaults)

    def with_sampler(self, sampler: SamplerSettings) -> "Recipe":
        """The same with another sampler; raises a ValueError as the settings do."""
        changed = self.settings().with_sampler(sampler)
        return replace(self, values=changed.model_dump(mode="json"))

    def build(self) -> Method:
        """Construct the method; its weights come from torch's global generator."""
        return self.method()(self.settings(), self.shape)

    def describe(self) -> dict[str, Any]:
        """What determines the method's result besides its training: name, settings, code."""
        return {
            "method": self.name,
            "settings": self.values,
            "shape": list(self.shape),
            "code": code_of(self.method()),
        }

    def describe_training(self) -> dict[str, Any]:
        """What determines the trained weights: as ``describe``, without what only generates."""
        code = code_of(self.method(), training=True)
        return {**self.describe(), "settings": self.settings().of_training(), "code": code}


@cache  # first called right after the import: a file that changes later does not run
def code_of(method: type[Method], *, training: bool = False) -> str:
    """Digest of a method's code and of all that it imports from ``methods`` and next to a plugin.

    Args:
        method: The registered class.
        training: Leave out what the method declares as ``generation_only``.
    """
    own = method.__dict__.get("generation_only", ())
    return class_digest(method, own if training else ())
