"""The three kinds of metric, and their registry."""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Final, Literal

import numpy as np
from numpy.typing import NDArray

from longibench.metrics.allowed import Allowed, Instruments
from longibench.metrics.scan import Scan, Volume

__all__ = [
    "REGISTRY",
    "Features",
    "Metric",
    "MetricError",
    "PairMetric",
    "Scan",
    "SetMetric",
    "SubjectMetric",
    "TooFewVolumes",
    "Volume",
    "pair_metric",
    "shared_instruments",
]

REGISTRY: dict[str, type["Metric"]] = {}

Features = NDArray[np.float64]
Family = Literal["distribution", "fidelity", "change", "truth"]
TRUTH: Final = "truth"  # the family that needs what was simulated


class MetricError(ValueError):
    """A metric is not defined on its inputs; the message is suitable as a note of a table."""


class TooFewVolumes(MetricError):  # noqa: N818 - reads as the reason that it is
    """A set metric needs more volumes, or volumes of more subjects."""


class Metric(ABC):
    """Base class of all metrics. Register by subclassing one of the kinds below.

    Attributes:
        kind: ``"pair"``: one value per pair; ``"subject"``: one value per subject and sample;
            ``"set"``: one value for all volumes of a method.
        family: ``"distribution"``: do the volumes look real; ``"fidelity"``: do they look like
            the true follow-up; ``"change"``: do they change as the true follow-up did;
            ``"truth"``: do they change as the simulated anatomy did. Metrics of this family read
            ``Scan.truth``, which only the phantom has; elsewhere they are not computed. The real
            follow-up is scored by them too: it meets the truth only up to noise and segmentation.
        higher_is_better: The direction.
        best: The value of a perfect follow-up, if it is neither end of the scale, such as 0 for a
            bias; ``higher_is_better`` is then False and the distance from ``best`` counts.
        minimum: The smallest possible value, where an interval ends; None if there is none, as for
            KID, whose unbiased estimate scatters around 0.
        maximum: The largest possible value, where an interval ends; None if there is none.
        unit: Unit of the value, empty for a pure number.
        decimals: Decimals printed in tables.
        citation: Paper or library that defines it.
        parameters: What changes the value in addition to mask and instruments, as JSON values.
        mask: The region that it uses, such as ``"source's head"``; empty for no mask.
        uses_extractor: Whether it measures with the feature extractor, which is then loaded before
            long computations.
        extractor: Weights of the extractor that it measures with, on volumes as they are, whatever
            ``metrics.extractor`` and ``metrics.input`` are; None, as by default, for those.
        uses_segmentation: Whether it measures with the embedded segmentation.
    """

    name: ClassVar[str]
    kind: ClassVar[Literal["pair", "subject", "set"]]
    family: ClassVar[Family] = "fidelity"
    higher_is_better: ClassVar[bool]
    best: ClassVar[float | None] = None
    minimum: ClassVar[float | None] = None
    maximum: ClassVar[float | None] = None
    unit: ClassVar[str] = ""
    decimals: ClassVar[int] = 3
    citation: ClassVar[str] = ""
    parameters: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    mask: ClassVar[str] = ""
    uses_extractor: ClassVar[bool] = False
    extractor: ClassVar[str | None] = None
    uses_segmentation: ClassVar[bool] = False

    def __init__(self, instruments: Instruments | None = None) -> None:
        """Args: what to measure with, shared between metrics; by default the embedded network."""
        name = getattr(self, "name", type(self).__name__)
        uses = self.uses_extractor, self.uses_segmentation
        self._allowed = Allowed.of(instruments, name, *uses, self.extractor)

    @property
    def instruments(self) -> Allowed:
        """What it may measure with."""
        return self._allowed

    def __init_subclass__(cls, *, name: str | None = None, **rest: Any) -> None:
        super().__init_subclass__(**rest)
        if "source" in vars(cls):
            raise TypeError(f"{cls.__name__}.source is now called citation: rename it")
        if name is not None:
            _register(cls, name)

    @property
    @abstractmethod
    def title(self) -> str:
        """Full name for display: window, mask, extractor. It is not used in comparisons."""

    def prepare(self) -> None:
        """Load what it needs in addition to the instruments, before long computations.

        Raises:
            MetricError: A package or a file is missing; the message explains how to get it.
        """
        return

    @property
    def definition(self) -> dict[str, Any]:
        """What is measured, as JSON values: values of equal definitions may be ranked together.

        Raises:
            WeightsError: The extractor's weights cannot be parsed, or their file does not exist.
        """
        found = {"name": self.name, "parameters": dict(self.parameters), "mask": self.mask}
        if self.uses_extractor:
            found["extractor"] = shared_instruments(self).extractor_definition
        if self.uses_segmentation:
            found["segmentation"] = shared_instruments(self).segmentation_definition
        return found


def shared_instruments(metric: Metric) -> Instruments:
    """The shared instruments of a metric, for code that builds and identifies metrics."""
    return metric.instruments.shared


class PairMetric(Metric):
    """One value per (generated, reference) pair."""

    kind = "pair"

    @abstractmethod
    def __call__(
        self, *, generated: Scan, reference: Scan, source: Scan, interval_years: float
    ) -> float:
        """Score one generated volume.

        Args:
            generated: The generated follow-up.
            reference: The real follow-up, same shape.
            source: The real first visit. Masks come from it, never from the reference: a mask of
                the follow-up would leak the answer.
            interval_years: From the source to the follow-up.

        Raises:
            MetricError: It is not defined on these volumes; the message names the reason.
        """

    def doubt(self, *, reference: Scan, source: Scan, interval_years: float) -> str:
        """Why the real pair itself is doubtful; empty, as by default, if it is not.

        It becomes the note of a value that exists, and is counted in the report: one sentence, the
        same for every pair of a protocol.
        """
        return ""


class _FeatureMetric(Metric):
    """A metric of features measured on every volume, real or generated, in the same way."""

    @abstractmethod
    def features(self, scan: Scan, *, source: Scan, interval_years: float) -> Features:
        """Measure one volume, (d,).

        Args:
            scan: The generated or the real follow-up; which one is not known, so that both are
                measured in the same way.
            source: The real first visit.
            interval_years: From the source to the follow-up.
        """

    def measured(
        self, *, generated: Scan, reference: Scan, source: Scan, interval_years: float
    ) -> tuple[Features, Features]:
        """Features of both volumes of a pair; arguments as of a ``PairMetric``."""
        return (
            self.features(generated, source=source, interval_years=interval_years),
            self.features(reference, source=source, interval_years=interval_years),
        )


class SubjectMetric(_FeatureMetric):
    """One value per subject, from all its visits."""

    kind = "subject"

    @abstractmethod
    def __call__(
        self, *, generated: Features, reference: Features, interval_years: Features
    ) -> float:
        """Score one subject.

        Args:
            generated: Features of the generated visits, (V, d), in order of time.
            reference: Features of the real visits, (V, d).
            interval_years: From the source to each visit, (V,), ascending.

        Raises:
            MetricError: It is not defined on so few visits; the message names the reason.
        """


class SetMetric(_FeatureMetric):
    """One value for a set of volumes, computed on features."""

    kind = "set"

    @abstractmethod
    def __call__(self, *, generated: Features, reference: Features) -> float:
        """Compare two sets of features, (N, d) each.

        Raises:
            TooFewVolumes: Not enough volumes for the metric to be defined.
        """

    def value_by_subject(
        self, *, generated: Features, reference: Features, groups: Sequence[str]
    ) -> float:
        """The metric of all volumes, given the subject of each row; by default ``__call__``."""
        return self(generated=generated, reference=reference)

    def parts_by_subject(
        self, *, generated: Features, reference: Features, groups: Sequence[str]
    ) -> dict[str, tuple[float, float]]:
        """Numerator and denominator of each subject, for a ratio of sums over subjects.

        They are kept in the scores, and the interval is then a bootstrap over subjects.

        Returns:
            By subject; empty, as by default, for other metrics.
        """
        return {}

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

    def floor(
        self, *, generated: Features, reference: Features, groups: Sequence[str]
    ) -> "Floor | None":
        """Real against real, and generated against real, at one N; None if not informative."""
        return None


@dataclass(frozen=True)
class Floor:
    """What a set metric gives without a true difference, at the size of half the subjects.

    Attributes:
        real: Real volumes of one half of the subjects against those of the other half.
        generated: Generated volumes of the one half against the real ones of the other.
        count: Volumes in a half, rounded.
    """

    real: float
    generated: float
    count: int


def pair_metric(  # noqa: PLR0913 - the attributes of every metric
    name: str,
    *,
    title: str,
    higher_is_better: bool,
    unit: str = "",
    decimals: int = 3,
    citation: str = "",
    parameters: Mapping[str, Any] = MappingProxyType({}),
    mask: str = "",
    source: None = None,
) -> Callable[[Callable[..., float]], type[PairMetric]]:
    """Register a function of plain volumes as a pair metric.

    Args:
        name: Its name in settings and tables.
        title: Full name, with everything that changes the value in brackets.
        higher_is_better: The direction.
        unit: Unit of the value.
        decimals: Decimals printed in tables.
        citation: Paper or library that defines it.
        parameters: What changes the value in addition to the mask.
        mask: The region that it uses.
        source: The name of ``citation`` in version 0.1; refused.

    Returns:
        A decorator for ``def f(*, generated, reference, source) -> float`` on arrays (X, Y, Z) in
        [-1, 1]. What it decorates becomes a metric of the function's name and docstring.
    """
    if source is not None:
        raise TypeError(f"metric '{name}': pair_metric(source=...) is now called citation=")

    def decorate(function: Callable[..., float]) -> type[PairMetric]:
        spec = {
            "title": title,
            "higher_is_better": higher_is_better,
            "unit": unit,
            "decimals": decimals,
            "citation": citation,
            "parameters": parameters,
            "mask": mask,
            "__call__": _on_voxels(function),
            "__doc__": function.__doc__,
            "__module__": function.__module__,
        }
        kind = type(function.__name__, (PairMetric,), spec)
        _register(kind, name)
        return kind

    return decorate


def _on_voxels(function: Callable[..., float]) -> Callable[..., float]:
    def call(
        self: PairMetric, *, generated: Scan, reference: Scan, source: Scan, interval_years: float
    ) -> float:
        given = {"generated": generated, "reference": reference, "source": source}
        return float(function(**{key: scan.voxels for key, scan in given.items()}))

    return call


def _register(cls: type[Metric], name: str) -> None:
    abstract = [
        key for key in dir(cls) if getattr(getattr(cls, key, None), "__isabstractmethod__", False)
    ]
    if abstract:
        raise TypeError(f"{cls.__name__} cannot be registered: it lacks {', '.join(abstract)}")
    try:
        json.dumps(dict(cls.parameters))
    except TypeError as error:
        raise TypeError(f"{cls.__name__}.parameters: not JSON values: {error}") from error
    if cls.extractor is not None and not cls.uses_extractor:
        raise TypeError(f"{cls.__name__}.extractor: add 'uses_extractor = True' to measure with it")
    if name in REGISTRY:
        other = REGISTRY[name]
        raise TypeError(f"metric name '{name}' is taken by {other.__module__}.{other.__qualname__}")
    cls.name = name
    REGISTRY[name] = cls
