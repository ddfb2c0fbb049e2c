"""Summary of one method's scores for the terminal: each metric with its interval and letters."""

from pathlib import Path

from longibench.benchmark.core.console import Console
from longibench.reports.model.caption import count
from longibench.reports.model.detectable import detectable
from longibench.reports.model.results import read_results
from longibench.reports.tables.columns import Cell, Column
from longibench.reports.tables.comparisons import build_comparisons
from longibench.reports.tables.letters import LETTERS
from longibench.reports.tables.metric_table import build_table


def summary(protocol: Path, method: str) -> str:
    """The newest scores of a method as lines of text.

    Args:
        protocol: The protocol's folder.
        method: Name of the method.

    Returns:
        One line per metric: name, direction, value, letters, 95% interval over subjects, spread
        between training seeds; or why it is missing. Then what the letters are, if there is
        another method, and the smallest detectable change of the metrics' structures.
    """
    results = read_results(protocol)
    entry = results.newest(method)
    table = build_table(results, results.metrics, build_comparisons(results, Console(quiet=True)))
    (row,) = (row for row in table.rows if row.entry == entry)  # it has just been scored
    facts = results.protocol["pairs"]
    head = f"{method}: {count(facts['count'], 'pair')} of {count(facts['subjects'], 'subject')}"
    lines = list(map(_line, table.columns, row.cells))
    width = max(len(title) for title, _ in lines)
    values = [f"  {title:<{width}}  {text}" for title, text in lines]
    letters = [LETTERS] if any(cell.letters for cell in row.cells) else []
    return "\n".join([head, *values, *letters, *detectable(results, results.metrics)])


def _line(column: Column, cell: Cell) -> tuple[str, str]:
    found = cell.estimate
    title = f"{found.title or column.title} {column.metric.arrow}"
    if not found.volumes:
        return title, f"not available: {found.note}"
    text = " ".join(filter(None, (cell.text, column.metric.unit, cell.letters)))
    small = ", ".join(filter(None, (cell.interval, cell.spread)))
    return title, f"{text} ({small})" if small else text
