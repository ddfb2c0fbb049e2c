"""The one-page summary: the whole report in one self-contained file."""

import base64
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from longibench.reports.figures.style import BANNER
from longibench.reports.model.caption import cohort, grid, pairs, preparation
from longibench.reports.model.code_warnings import warnings
from longibench.reports.model.metric_facts import MetricFacts
from longibench.reports.model.results import Results
from longibench.reports.model.text_table import Printed
from longibench.reports.pages.html import render_html
from longibench.reports.tables.metric_table import Row, Table
from longibench.reports.tables.paper_order import Statement

TITLE = "Longitudinal brain MRI generation"

_TYPES = {".png": "image/png", ".svg": "image/svg+xml"}


@dataclass(frozen=True)
class Picture:
    """A figure of the page: its file, its title and its caption.

    ``inches`` is its width on paper; the page shows wide figures wide and narrow ones narrow.
    """

    path: Path
    inches: float
    title: str
    caption: str

    @property
    def data(self) -> str:
        """The file as a ``data:`` address."""
        content = base64.b64encode(self.path.read_bytes()).decode("ascii")
        return f"data:{_TYPES[self.path.suffix]};base64,{content}"


@dataclass(frozen=True)
class Tables:
    """The tables of the page: numbered ones, then those that are folded away."""

    numbered: Sequence[Printed]
    comparisons: Sequence[Printed] = ()
    strata: Sequence[Printed] = ()


def render_page(
    results: Results,
    first: Table,
    tables: Tables,
    pictures: Sequence[Picture],
    statements: Sequence[Statement],
    absent: Sequence[str] = (),
) -> str:
    """Render the page as HTML.

    Args:
        results: The results of the protocol.
        first: The table whose best methods are named at the top.
        tables: All tables, printed.
        pictures: The figures.
        statements: Whether the paper's order holds.
        absent: Which figures are missing, and why.
    """
    values = {
        "title": TITLE,
        "facts": _facts(results.protocol),
        "banner": "" if results.shareable else BANNER,
        "headlines": headlines(first),
        "tables": tables.numbered,
        "comparisons": tables.comparisons,
        "strata": tables.strata,
        "pictures": pictures,
        "statements": statements,
        "unfinished": results.unfinished,
        "warnings": [*warnings(results), *absent],
        "metrics": results.metrics,
        "provenance": _provenance(results.provenance),
    }
    return render_html("page.html", values)


def headlines(table: Table) -> list[str]:
    """One sentence per metric: the leading group, and the scores of the references."""
    return [
        f"{_leading(table, index)}{_references(table, index)}."
        for index in range(len(table.columns))
        if len(_ranked(table, index)) > 1
    ]


def _ranked(table: Table, index: int) -> list[Row]:
    return [row for row in table.rows if row.cells[index].ranked]


def _leading(table: Table, index: int) -> str:
    """Who leads; one alone with its interval."""
    column, ranked = table.columns[index], _ranked(table, index)
    best = [row for row in ranked if row.cells[index].best]
    if not best:
        return f"By {column.title} the best cannot be distinguished: {_values(ranked, index)}"
    if len(best) == 1:
        interval = best[0].cells[index].interval
        text = f"{best[0].entry.label} has the {_end(column.metric, column.title)}"
        within = f" (95% interval {interval})" if interval else ""
        return f"{text}: {best[0].cells[index].text}{within}"
    end = _end(column.metric, column.title)
    return (
        f"{len(best)} methods that cannot be distinguished have the {end}: {_values(best, index)}"
    )


def _values(rows: Sequence[Row], index: int) -> str:
    return ", ".join(f"{row.entry.label} {row.cells[index].text}" for row in rows)


def _end(metric: MetricFacts, title: str) -> str:
    """The end of the scale that is best."""
    if metric.best is not None:
        return f"{title} nearest to {metric.best:g}"
    return f"{'highest' if metric.higher_is_better else 'lowest'} {title}"


def _references(table: Table, index: int) -> str:
    """The scores of the rows that generate nothing, beside which others are read."""
    known = [
        row
        for row in table.rows
        if row.entry.role == "reference" and not math.isnan(row.cells[index].estimate.value)
    ]
    return f"; for reference: {_values(known, index)}" if known else ""


def _facts(protocol: dict[str, Any]) -> dict[str, str]:
    """The protocol in short, as terms and their values."""
    split = protocol["split"]
    training = protocol.get("training_cohort")
    done = protocol["cohort"].get("preparation")
    return {
        "Protocol": protocol["protocol"],
        "Preset": protocol["preset"],
        "Cohort": _with_digest(protocol["cohort"]),
        "Trained on": _with_digest(training) if training else "the same cohort",
        "Split": f"{split['rule']}; digest {split['digest']}",
        "Subjects": f"{split['train_subjects']} to train, {split['test_subjects']} to evaluate",
        "Pairs": pairs(protocol),
        "Grid": grid(protocol),
        **({"Preparation": preparation(done)} if done else {}),
        "Created": protocol["created"],
    }


def _with_digest(facts: dict[str, Any]) -> str:
    """A cohort with its digest, by which another installation can compare it."""
    return f"{cohort(facts)}; digest {facts['digest']}"


def _provenance(facts: dict[str, Any]) -> dict[str, str]:
    """Each recorded fact as text; what is nested as JSON."""
    return {
        term: value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
        for term, value in facts.items()
    }
