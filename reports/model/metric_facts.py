"""A metric as recorded by a protocol: enough to print and rank it without its code."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from longibench.benchmark.evaluation.score_table import within_brackets


@dataclass(frozen=True)
class MetricFacts:
    """One entry of ``metrics.json``; see ``metrics.metric.Metric``.

    Attributes:
        definition: Digest: values of one name and definition make a column.
        defined_by: What the digest is of; empty in files of an earlier version.
    """

    name: str
    title: str
    kind: str
    higher_is_better: bool
    unit: str
    decimals: int
    citation: str
    family: str = "fidelity"
    best: float | None = None
    minimum: float | None = None  # absent in files of an earlier version, as is the next
    maximum: float | None = None
    definition: str = ""  # empty in files of an earlier version
    defined_by: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> "MetricFacts":
        """From an entry, without what a report does not need."""
        known = {key: value for key, value in entry.items() if key in cls.__dataclass_fields__}
        return cls(**known, citation=entry["source"])

    @property
    def arrow(self) -> str:
        """The direction in which values get better, such as ``"↑"`` or ``"→ 0"``."""
        if self.best is not None:
            return f"→ {self.best:g}"
        return "↑" if self.higher_is_better else "↓"

    @property
    def heading(self) -> str:
        """Full name with unit and direction, such as ``"PSNR [range 2], dB ↑"``."""
        unit = f", {self.unit}" if self.unit else ""
        return f"{self.title}{unit} {self.arrow}"

    def numbered(self, number: int) -> str:
        """The title of one of several definitions that share it."""
        return within_brackets(self.title, f"definition {number}")

    @property
    def by_subject(self) -> bool:
        """Whether there are values by subject, whose mean is then estimated."""
        return self.kind != "set"

    def badness(self, value: float) -> float:
        """A number that is smaller for better values."""
        if self.best is not None:
            return abs(value - self.best)
        return -value if self.higher_is_better else value
