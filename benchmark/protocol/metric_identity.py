"""Identity of a metric's values: what may be reused, and what may be ranked together."""

from dataclasses import dataclass
from functools import cache
from types import ModuleType

from longibench.benchmark.core.code_identity import class_digest, module_digest
from longibench.benchmark.core.files import digest
from longibench.metrics import (
    anatomy,
    anatomy_network,
    anatomy_network_1,
    conventions,
    instruments,
    released,
)
from longibench.metrics.instruments import Code
from longibench.metrics.metric import Metric, shared_instruments
from longibench.metrics.weights import EmbeddedWeights, parse

APART = ("metrics.allowed>metrics.instruments",)  # every metric has it, but not every one uses it
EMBEDDED_NEEDS_NOT = (conventions, released)
OTHERS_NEED_NOT = (anatomy, anatomy_network, anatomy_network_1)


@dataclass(frozen=True)
class Identity:
    """What a metric's values depend on in addition to the volumes.

    Attributes:
        name: Registered name.
        definition: Digest of name, parameters, mask and what it measures with: values of equal
            definitions may be ranked together.
        code: Digest of the code that computes it and of what it measures with: with equal
            definitions it decides whether a value is reused.
    """

    name: str
    definition: str
    code: str

    @property
    def reuse(self) -> str:
        """Name of a stored value: digest of definition and code."""
        return digest([self.definition, self.code])


def identify(metric: Metric) -> Identity:
    """The identity of a metric.

    Raises:
        WeightsError: The extractor's weights cannot be parsed, or their file does not exist.
    """
    code = shared_instruments(metric).code
    parts = [_code_of_class(type(metric))]
    parts += [code.features] if metric.uses_extractor else []
    parts += [code.segmentation] if metric.uses_segmentation else []
    return Identity(metric.name, digest(metric.definition), digest(parts))


def instrument_code(weights: str) -> Code:
    """Digests of the code that measures with an extractor's weights, and that segments.

    Raises:
        WeightsError: The weights cannot be parsed.
    """
    embedded = _code_of(instruments, EMBEDDED_NEEDS_NOT)
    if isinstance(parse(weights), EmbeddedWeights):
        return Code(embedded, embedded)
    return Code(_code_of(instruments, OTHERS_NEED_NOT), embedded)


@cache  # first called right after the import: later changes of a file do not run
def _code_of_class(kind: type[Metric]) -> str:
    return class_digest(kind, APART)


@cache  # first called right after the import: later changes of a file do not run
def _code_of(module: ModuleType, without: tuple[ModuleType | str, ...]) -> str:
    return module_digest(module, without)
