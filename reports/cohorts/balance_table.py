"""A part of a split compared with the training part, by covariate."""

import math
from collections.abc import Sequence

from rich.table import Table

from longibench.benchmark.protocol.splits.balance import Comparison, Summary
from longibench.reports.cohorts.terminal import table

LEVELS = 3  # of a covariate that are named


def balance_table(comparisons: Sequence[Comparison]) -> Table:
    """One row per covariate: training, the part, and their difference.

    Args:
        comparisons: Comparisons of one part, as ``benchmark.protocol.splits.balance`` found them.
    """
    numbers = ("difference", "p (Holm)")
    rows = table("", "training", comparisons[0].part, *numbers, right=numbers)
    for comparison in comparisons:
        rows.add_row(
            comparison.covariate.replace("_", " "),
            _summary(comparison.training, comparison.training),
            _summary(comparison.other, comparison.training),
            "-" if math.isnan(comparison.difference) else f"{comparison.difference:.2f}",
            f"{comparison.corrected_p:.2g}",
        )
    return rows


def _summary(summary: Summary, training: Summary) -> str:
    """Mean and sd of numbers; for levels, those most frequent in training."""
    if not summary.shares:
        spread = "" if math.isnan(summary.sd) else f" (sd {summary.sd:.1f})"
        return "-" if math.isnan(summary.mean) else f"{summary.mean:.1f}{spread}"
    order = sorted(training.shares, key=lambda level: -training.shares[level])
    named = [f"{level}: {summary.shares.get(level, 0):.0%}" for level in order[:LEVELS]]
    more = [f"and {len(order) - LEVELS} more"] if len(order) > LEVELS else []
    return ", ".join([*named, *more])
