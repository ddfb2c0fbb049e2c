"""The two kinds of metric, and their registry."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

REGISTRY: dict[str, type["Metric"]] = {}

Volume = NDArray[np.float32]
Features = NDArray[np.float64]


class MetricError(ValueError):
    """A metric is not defined on what it was given; the message is fit for a table's note."""


class TooFewVolumes(MetricError):  # noqa: N818 - reads as the reason that it is
    """A set metric needs more volumes, or volumes of more subjects."""


class Metric(ABC):
    """What every metric tells of itself. Register by subclassing one of the two kinds below.

    Attributes:
        kind: ``"pair"``: one value a pair; ``"set"``: one value for all volumes of a method.
        higher_is_better: The direction.
        unit: Unit of the value, empty for a pure number.
        decimals: How many a table prints.
        source: Paper or library that defines it.
    """

    name: ClassVar[str]
    kind: ClassVar[Literal["pair", "set"]]
    higher_is_better: ClassVar[bool]
    unit: ClassVar[str] = ""
    decimals: ClassVar[int] = 3
    source: ClassVar[str] = ""

    def __init_subclass__(cls, *, name: str | None = None, **rest: Any) -> None:
        super().__init_subclass__(**rest)
        if name is not None:
            _register(cls, name)

    @property
    @abstractmethod
    def title(self) -> str:
        """Full name for tables: window, mask, extractor, whatever changes the value."""


class PairMetric(Metric):
    """One value a (generated, reference) pair."""

    kind = "pair"

    @abstractmethod
    def __call__(self, *, generated: Volume, reference: Volume, source: Volume) -> float:
        """Score one generated volume.

        Args:
            generated: The generated follow-up, (X, Y, Z) in [-1, 1].
            reference: The real follow-up, same shape and range.
            source: The real first visit. Masks come from it, never from the reference: a mask of
                the follow-up would leak the answer.
        """


class SetMetric(Metric):
    """One value for a set of volumes, computed on features."""

    kind = "set"

    def __init__(self, weights: str) -> None:
        """Args: the extractor's weights, such as ``random:0`` or ``medicalnet:50``."""
        self.weights = weights

    def load(self) -> None:
        """Get what ``features`` needs, so that a missing file is found before hours of work."""

    @abstractmethod
    def features(self, volume: Volume) -> Features:
        """Features (d,) of one volume, (X, Y, Z) in [-1, 1]."""

    @abstractmethod
    def __call__(self, *, generated: Features, reference: Features) -> float:
        """Compare two sets of features, (N, d) each.

        Raises:
            TooFewVolumes: Not enough volumes for the metric to be defined.
        """

    def leave_one_out(
        self, *, generated: Features, reference: Features, groups: Sequence[str]
    ) -> dict[str, float]:
        """Compute the metric once without each group's volumes, for the jackknife.

        Args:
            generated: Features (N, d).
            reference: Features (N, d), row by row of the same subjects as ``generated``.
            groups: The subject of each row, (N,).

        Returns:
            For each group, sorted, the value without it.

        Raises:
            TooFewVolumes: One group only, or too few volumes without some group.
        """
        rows = np.asarray(groups)
        if len(np.unique(rows)) < 2:
            raise TooFewVolumes("leaving a subject out needs at least 2 subjects")
        return {
            str(group): self(generated=generated[rows != group], reference=reference[rows != group])
            for group in np.unique(rows)
        }


def _register(cls: type[Metric], name: str) -> None:
    abstract = [
        key for key in dir(cls) if getattr(getattr(cls, key, None), "__isabstractmethod__", False)
    ]
    if abstract:
        raise TypeError(f"{cls.__name__} cannot be registered: it lacks {', '.join(abstract)}")
    if name in REGISTRY:
        other = REGISTRY[name]
        raise TypeError(f"metric name '{name}' is taken by {other.__module__}.{other.__qualname__}")
    cls.name = name
    REGISTRY[name] = cls
