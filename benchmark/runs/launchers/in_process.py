"""Run cells in this process, one after another."""

from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter

from longibench.benchmark.core.console import Console
from longibench.benchmark.runs.cell import Cell, complete
from longibench.benchmark.runs.diagnosed_cell import diagnose_cell
from longibench.metrics.metric import Metric


def launch(cells: Sequence[Cell], metrics: Sequence[Metric], console: Console) -> None:
    """Complete and diagnose every cell; the first one that fails ends the run.

    Args:
        cells: Cells, grouped by protocol.
        metrics: The metrics of all of them, built.
        console: For progress.

    Raises:
        UserError: Anything that the user can fix.
        Stopped: The process got a signal to stop.
    """
    for scoring, of_protocol in groupby(cells, key=attrgetter("scoring")):
        evaluator = scoring.evaluator(console, metrics)
        for cell in of_protocol:
            complete(cell, scoring.workspace, evaluator)
            diagnose_cell(cell, scoring.workspace)
