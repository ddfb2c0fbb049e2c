"""What a dry run found, as a table of text."""

from collections.abc import Sequence

from longibench.benchmark.runs.dry_run import Estimate
from longibench.reports.tables.cost_table import duration

HEADS = ("", "train", "draw", "score", "in all", "memory", "an update")


def estimate_table(predictions: Sequence[Estimate]) -> str:
    """A line a cell and one for all of them, with columns aligned."""
    rows = [HEADS, *map(_row, predictions)]
    if len(predictions) > 1:
        rows.append(_all(predictions))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(line.rstrip() for line in lines)


def _row(found: Estimate) -> tuple[str, ...]:
    parts = (found.training, found.generation, found.scoring, found.seconds)
    memory = f"{found.memory_gb:.1f} GB" if found.memory_gb else "-"
    return (found.name, *map(_told, parts), memory, found.plan or "-")


def _all(predictions: Sequence[Estimate]) -> tuple[str, ...]:
    def whole(part: str) -> str:
        return _told(sum(getattr(found, part) for found in predictions))

    memory = max(found.memory_gb for found in predictions)
    parts = map(whole, ("training", "generation", "scoring", "seconds"))
    return ("in all", *parts, f"{memory:.1f} GB" if memory else "-", "")


def _told(seconds: float) -> str:
    return duration(seconds) if seconds else "done"
