"""What a protocol tells of a metric: enough to print and rank it without its code."""

from dataclasses import dataclass


@dataclass(frozen=True)
class MetricFacts:
    """One entry of ``metrics`` in ``protocol.json``; see ``metrics.metric.Metric``."""

    name: str
    title: str
    kind: str
    higher_is_better: bool
    unit: str
    decimals: int
    source: str
    family: str = "fidelity"
    best: float | None = None

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

    @property
    def by_subject(self) -> bool:
        """Whether there are values by subject, so that their mean is what is estimated."""
        return self.kind != "set"

    def badness(self, value: float) -> float:
        """What is smaller the better a value is."""
        if self.best is not None:
            return abs(value - self.best)
        return -value if self.higher_is_better else value
