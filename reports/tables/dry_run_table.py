"""The estimates of a dry run, as a text table."""

from collections.abc import Sequence

from longibench.benchmark.runs.dry_run import Estimate
from longibench.reports.tables.cost_table import duration

HEADS = ("", "train", "generate", "score", "total", "memory", "optimizer step")


def estimate_table(estimates: Sequence[Estimate]) -> str:
    """One line per cell and one for their total, with aligned columns."""
    rows = [HEADS, *map(_row, estimates)]
    if len(estimates) > 1:
        rows.append(_all(estimates))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(line.rstrip() for line in lines)


def _row(found: Estimate) -> tuple[str, ...]:
    parts = (found.training, found.generation, found.scoring, found.seconds)
    memory = f"{found.memory_gb:.1f} GB" if found.memory_gb else "-"
    return (found.name, *map(_seconds, parts), memory, found.plan or "-")


def _all(estimates: Sequence[Estimate]) -> tuple[str, ...]:
    def whole(part: str) -> str:
        return _seconds(sum(getattr(found, part) for found in estimates))

    memory = max(found.memory_gb for found in estimates)
    parts = map(whole, ("training", "generation", "scoring", "seconds"))
    return ("total", *parts, f"{memory:.1f} GB" if memory else "-", "")


def _seconds(seconds: float) -> str:
    return duration(seconds) if seconds else "done"
