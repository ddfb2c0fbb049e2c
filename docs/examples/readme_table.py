"""README's table of the kept scores; ``quote_scores.py`` writes it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from longibench.benchmark.core.console import Console
from longibench.reports.model.estimates import estimate
from longibench.reports.model.metric_facts import MetricFacts
from longibench.reports.model.results import COPY, Results
from longibench.reports.tables.columns import Cell
from longibench.reports.tables.comparisons import Compared, build_comparisons
from longibench.reports.tables.letters import LETTERS
from longibench.reports.tables.metric_table import Table, build_table
from longibench.reports.tables.paper_order import order_statements
from longibench.reports.tables.report_tables import REAL

SHOWN = (
    *("fid", "ssim", "ssim-head", "skill-head", "change-correlation"),
    *("ventricles-change-error", "ventricles-slope-ratio", "truth-skill", "truth-auroc"),
)
BESIDE = ("copy-source", "mean-rate", "half-change")  # of the rows that are added to every run


def block(results: Results) -> str:
    """The table, a line a metric, with notes."""
    shown = [metric for metric in results.metrics if metric.name in SHOWN]
    compared = build_comparisons(results, Console(quiet=True))
    table = _some_rows(build_table(results, shown, compared))
    labels = [row.entry.label for row in table.rows]
    lines = [["", *labels, REAL], ["---", *["---:"] * (len(labels) + 1)], *_lines(table)]
    text = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    details = "; ".join(f"{row.entry.label}: {row.details}" for row in table.rows if row.details)
    pairs = results.protocol["pairs"]
    return (
        f"{text}\n{pairs['count']} pairs of {pairs['subjects']} test subjects of the "
        f"phantom; 95% intervals over subjects, {_trainings(table)}; {len(shown)} of the "
        f"{len(results.metrics)} metrics that are computed. {LETTERS} {details}. The paper's "
        "values, on ADNI with an extractor that it does not name, are not comparable.\n\n"
        f"{_beside_the_copy(results, shown)}\n\n"
        f"{_order(results, compared)}\n{made_by(results.provenance)}\n"
    )


def _beside_the_copy(results: Results, shown: Sequence[MetricFacts]) -> str:
    """By which metrics a copy of the source has a better value than each method."""
    copy = results.newest(COPY)
    assert copy, "a copy is added to every run"
    values = {
        metric: [estimate(results, entry, metric).value for entry in (copy, *results.methods)]
        for metric in shown
    }
    better = [
        metric.title
        for metric, (of_copy, *others) in values.items()
        if all(metric.badness(of_copy) < metric.badness(its) for its in others)
    ]
    if not better:
        return "By none of these is a copy of the source better than every method."
    return (
        "A copy of the source, which changes nothing, has a better value than every method by "
        f"{', '.join(better)}."
    )


def _trainings(table: Table) -> str:
    seeds = max(row.seeds for row in table.rows)
    if seeds < 2:
        return "one training seed, so that the spread between trainings is not measured"
    return f"± the standard deviation between {seeds} training seeds"


def _order(results: Results, compared: Sequence[Compared]) -> str:
    """The verdict of each test of the paper's order, a line each."""
    statements = order_statements(results, compared)
    lines = [
        f"- {its.claim}: **{its.verdict}**. {' '.join(its.sentences[1:])}" for its in statements
    ]
    return "The paper's order of methods, on this cohort and with this training:\n\n" + "".join(
        f"{line}\n" for line in lines
    )


def made_by(provenance: dict[str, Any]) -> str:
    """Command and commit of the run, and the command that wrote its scores into the page."""
    command = str(provenance.get("command", "cli.py run")).partition(" --workspace")[0]
    commit = provenance.get("git", "unknown")
    return (
        f"Made by `python {command.removeprefix('python ')}` at commit {commit}; its scores are in "
        "`docs/scores`, from which `python docs/examples/quote_scores.py` writes this."
    )


def _some_rows(table: Table) -> Table:
    """The methods and a few of the rows beside them."""
    rows = tuple(row for row in table.rows if row.entry.competes or row.entry.method in BESIDE)
    return replace(table, rows=rows)


def _lines(table: Table) -> list[list[str]]:
    lines = []
    for place, column in enumerate(table.columns):
        if column.metric.name not in SHOWN:  # a column that the report computes from others
            continue
        cells = [row.cells[place] for row in table.rows]
        values = [_value(cell) for cell in cells]
        within = [_bounds(cell) for cell in cells]
        both = [value + bounds for value, bounds in zip(values, within, strict=True)]
        lines.append([f"{column.title}, {column.metric.unit}".rstrip(", "), *both, ""])
        lines[-1][0] = f"{lines[-1][0]} {column.metric.arrow}".replace("|", r"\|")
        if column.floor:
            halves = [cell.halves.removeprefix("in halves ") for cell in cells]
            real = f"{column.floor.real:.{column.metric.decimals}f}"
            lines.append([f"the same in halves, n = {column.floor.volumes}", *halves, real])
    return lines


def _bounds(cell: Cell) -> str:
    """Interval and spread between training seeds, in brackets; empty without an interval."""
    parts = (cell.interval, cell.spread.partition(" between")[0])
    inside = "; ".join(part for part in parts if part)
    return f" ({inside})" if inside else ""


def _value(cell: Cell) -> str:
    """The value, bold in the leading group, with its letters."""
    text = f"**{cell.text}**" if cell.best else cell.text
    return f"{text} {cell.letters}".strip()
