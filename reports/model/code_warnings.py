"""Warnings for the tables: of the protocol, of the scores and volumes, and of differing code."""

import pandas as pd

from longibench.benchmark.evaluation.clamping import clamp_warning
from longibench.benchmark.evaluation.score_checks import score_warnings
from longibench.benchmark.evaluation.score_table import METRIC
from longibench.benchmark.protocol.recorded_metrics import retired_metrics
from longibench.reports.model.results import Results


def warnings(results: Results) -> list[str]:
    """The protocol's warnings, those of its scores and volumes, and one for different code."""
    return [
        *retired_warnings(results),
        *results.protocol.get("warnings", []),
        *clamp_warnings(results),
        *score_warnings(_shown(results)),
        *code_warnings(results),
    ]


def retired_warnings(results: Results) -> list[str]:
    """One sentence if metrics of an earlier version were recorded, whose values are not shown."""
    sentence = retired_metrics(results.recorded or results.protocol.get("metrics", []))
    return [sentence] if sentence else []


def clamp_warnings(results: Results) -> list[str]:
    """One sentence for each row whose volumes were clamped, for the worst of its seeds."""
    found = []
    for entry in results.entries:
        recorded = [its for run in results.runs_of(entry) if (its := run.facts.get("clamped"))]
        worst = max(recorded, key=lambda its: float(its["share"]), default=None)
        found.append(clamp_warning(entry.label, worst))
    return [text for text in found if text]


def code_warnings(results: Results) -> list[str]:
    """One sentence if values of one definition were computed by different code.

    They are ranked together, because two installations share definitions, not code.
    """
    scores = _shown(results)
    codes = scores.groupby(METRIC)["code"].transform("nunique")
    mixed = scores[codes > 1]
    if mixed.empty:
        return []
    names = ", ".join(dict.fromkeys(mixed["metric"]))
    groups = [_labels(results, rows) for rows in _by_code(mixed)]
    sides = dict.fromkeys(groups)
    which = f"Rows were scored by different code: {' and '.join(sides)}"
    if len(sides) == 1:
        which = f"Training seeds were scored by different code, of {next(iter(sides))}"
    return [
        f"{which} ({names}). The definitions are equal, so they are ranked together; the same "
        "'python cli.py run', or 'evaluate' for volumes made elsewhere, computes them with current "
        "code."
    ]


def _shown(results: Results) -> pd.DataFrame:
    """The scores of the metrics that a table shows."""
    shown = pd.MultiIndex.from_tuples(
        [(metric.name, metric.definition) for metric in results.metrics]
    )
    scores = results.scores
    return scores[pd.MultiIndex.from_frame(scores[METRIC]).isin(shown)]


def _by_code(mixed: pd.DataFrame) -> list[pd.DataFrame]:
    """The rows, grouped by the set of code digests of an entry."""
    entries = mixed.groupby(["method", "settings"])["code"].transform(
        lambda codes: " ".join(sorted(set(codes)))
    )
    return [rows for _, rows in mixed.groupby(entries, sort=False)]


def _labels(results: Results, rows: pd.DataFrame) -> str:
    found = set(rows[["method", "settings"]].itertuples(index=False, name=None))
    labels = [entry.label for entry in results.entries if (entry.method, entry.settings) in found]
    return ", ".join(labels)
