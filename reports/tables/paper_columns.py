"""The paper's values next to those measured here."""

from dataclasses import replace

from longibench.reports.model import paper_values
from longibench.reports.model.formats import DASH
from longibench.reports.model.metric_facts import MetricFacts
from longibench.reports.model.results import Results
from longibench.reports.model.text_table import Notes
from longibench.reports.tables.metric_table import Row, Table


def with_published(table: Table, results: Results) -> Table:
    """The table with the paper's values next to those measured here."""
    metrics = [
        column.metric for column in table.columns if column.metric.name in paper_values.PUBLISHED
    ]
    reasons = paper_values.differences(results.protocol)
    notes = Notes()
    notes.texts += table.notes
    note = notes.number(_paper_note(reasons)) if metrics else 0
    return replace(
        table,
        rows=tuple(_beside(row, metrics) for row in table.rows),
        notes=tuple(notes.texts),
        published_heads=tuple(f"{metric.name.upper()} {metric.arrow}" for metric in metrics),
        published_label="published, not comparable" if reasons else "published",
        published_note=note,
    )


def _beside(row: Row, metrics: list[MetricFacts]) -> Row:
    return replace(
        row, published=tuple(_published(metric.name, row.entry.method) for metric in metrics)
    )


def _published(metric: str, method: str) -> str:
    value = paper_values.PUBLISHED[metric].get(method)
    return DASH if value is None else f"{value:.{paper_values.DECIMALS[metric]}f}"


def _paper_note(reasons: list[str]) -> str:
    text = f"Published: {paper_values.CITATION}."
    return f"{text} Not comparable with this table: {'; '.join(reasons)}." if reasons else text
