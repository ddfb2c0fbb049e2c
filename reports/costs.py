"""What each method costs: training, generation, size and memory, as its run recorded them."""

from typing import Any

from reports.results import Results
from reports.table import DASH

COST_HEADS = (
    "Training",
    "Iterations",
    "Seconds a volume",
    "Network evaluations a volume",
    "Parameters",
    "Peak memory",
    "Device",
)


def cost_rows(results: Results) -> list[tuple[str, tuple[str, ...]]]:
    """Label and costs of each entry's first training seed, in the order of ``COST_HEADS``."""
    rows = [(entry, results.runs_of(entry)) for entry in results.entries]
    return [(entry.label, _costs(runs[0].facts)) for entry, runs in rows if runs]


def duration(seconds: float) -> str:
    """Print a duration in the two largest of its units."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


def _costs(facts: dict[str, Any]) -> tuple[str, ...]:
    train, memory = facts.get("train_seconds"), facts.get("peak_memory_gb")
    per_volume = facts.get("seconds_per_volume")
    return (
        duration(train) if train else DASH,
        _count(facts.get("iterations")),
        DASH if per_volume is None else f"{per_volume:.3g}",
        _count(facts.get("network_evaluations")),
        _count(facts.get("parameters")),
        f"{memory:.1f} GB" if memory else DASH,
        str(facts.get("device") or DASH),
    )


def _count(value: int | None) -> str:
    return f"{value:,}" if value else DASH
