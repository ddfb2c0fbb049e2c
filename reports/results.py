"""A protocol folder as the report reads it: the one model behind every table and figure."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from benchmark.errors import UserError
from benchmark.evaluation import read_pairs
from benchmark.scores import read_scores
from reports.metric_facts import MetricFacts

REFERENCE = "copy-source"  # what every metric must be read against; it generates nothing
PAPER_METHODS = ("vae", "med-ddpm", "ours")  # in the order of the paper's table
LABELS = {
    REFERENCE: "Copy of the source",
    "vae": "VAE",
    "med-ddpm": "Med-DDPM",
    "ours": "Ours",
}
FIRST_METRICS = ("fid", "ssim", "ssim-head")  # what readers of the paper look for


@dataclass(frozen=True)
class Entry:
    """What gets a row: a method under one digest of settings, with all its training seeds."""

    method: str
    settings: str
    label: str


@dataclass(frozen=True)
class Run:
    """Predictions of one method, settings and training seed: their folder and ``run.json``."""

    folder: Path
    facts: dict[str, Any]

    @property
    def volumes(self) -> Path:
        """Where manifest and volumes lie: elsewhere for volumes made by other code."""
        return Path(self.facts.get("folder", self.folder))

    @property
    def written(self) -> int:
        """When the run was finished, in nanoseconds."""
        return (self.folder / "run.json").stat().st_mtime_ns


@dataclass(frozen=True)
class Results:
    """Everything that a report is a function of.

    Attributes:
        folder: The protocol's folder; its parent is the workspace.
        protocol: The facts in ``protocol.json``.
        provenance: The facts in ``provenance.json``; empty where there is none.
        scores: The score table, see ``benchmark.scores``.
        pairs: The evaluated pairs with paths that can be opened, by subject and interval.
        runs: The predictions on disk, sorted by method, settings and training seed.
    """

    folder: Path
    protocol: dict[str, Any]
    provenance: dict[str, Any]
    scores: pd.DataFrame
    pairs: pd.DataFrame
    runs: tuple[Run, ...]

    @property
    def workspace(self) -> Path:
        """The folder that holds the protocols and the models."""
        return self.folder.parent

    @property
    def shareable(self) -> bool:
        """Whether pictures of the participants may leave the machine."""
        return bool(self.protocol["cohort"].get("shareable", False))

    @property
    def metrics(self) -> list[MetricFacts]:
        """The protocol's metrics, the paper's first."""
        fields = MetricFacts.__dataclass_fields__
        facts = [
            MetricFacts(**{key: value for key, value in metric.items() if key in fields})
            for metric in self.protocol["metrics"]
        ]
        return sorted(facts, key=lambda metric: _rank(metric.name, FIRST_METRICS))

    @cached_property
    def entries(self) -> list[Entry]:
        """The rows: copy-source as the reference, the paper's methods, others by name."""
        found = {(method, settings) for method, settings, _ in self._places}
        methods = [method for method, _ in found]
        order = (REFERENCE, *PAPER_METHODS)
        return [
            Entry(method, settings, _label(method, settings, methods.count(method) > 1))
            for method, settings in sorted(found, key=lambda row: (_rank(row[0], order), row))
        ]

    def scores_of(self, entry: Entry, metric: MetricFacts) -> pd.DataFrame:
        """The score table's rows of one entry and metric, all roles and training seeds."""
        rows = self._places.get((entry.method, entry.settings, metric.name), [])
        return self.scores.iloc[rows]

    def newest(self, method: str) -> Entry | None:
        """The method's entry whose predictions are newest; None without scores."""
        entries = [entry for entry in self.entries if entry.method == method]
        return max(entries, key=self._written, default=None)

    def runs_of(self, entry: Entry) -> list[Run]:
        """The entry's predictions, by training seed."""
        wanted = (entry.method, entry.settings)
        return [run for run in self.runs if (run.facts["method"], run.facts["settings"]) == wanted]

    def details(self, entry: Entry) -> str:
        """What the method predicts, its sampler and steps; empty where not recorded."""
        runs = self.runs_of(entry)
        return str(runs[0].facts.get("details") or "") if runs else ""

    @cached_property
    def _places(self) -> dict[Any, Any]:
        """Positions of rows by method, settings and metric: looking them up is done often."""
        return dict(self.scores.groupby(["method", "settings", "metric"]).indices)

    def _written(self, entry: Entry) -> int:
        return max((run.written for run in self.runs_of(entry)), default=0)


def read_results(folder: Path) -> Results:
    """Read a protocol folder.

    Args:
        folder: ``WORKSPACE/<protocol>``.

    Raises:
        UserError: A file is missing or damaged, or nothing has been scored.
    """
    protocol = _read_json(folder / "protocol.json")
    scores = read_scores(folder / "scores.csv")
    if scores.empty:
        raise UserError(f"{folder / 'scores.csv'}: no scores yet; 'python cli.py run' makes them")
    provenance = folder / "provenance.json"
    return Results(
        folder=folder,
        protocol=protocol,
        provenance=_read_json(provenance) if provenance.is_file() else {},
        scores=scores,
        pairs=_read_pairs(folder),
        runs=_read_runs(folder / "predictions"),
    )


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path}: cannot be read ({error}); the same 'python cli.py run' writes it anew"
        ) from error


def _read_pairs(folder: Path) -> pd.DataFrame:
    path = folder / "pairs.csv"
    try:
        return read_pairs(folder).sort_values(["subject", "interval_years"], ignore_index=True)
    except (OSError, ValueError, KeyError) as error:
        raise UserError(
            f"{path}: not a table of pairs ({error}); the same 'python cli.py run' writes it anew"
        ) from error


def _read_runs(folder: Path) -> tuple[Run, ...]:
    runs = [Run(path.parent, _read_json(path)) for path in folder.glob("*/run.json")]
    keys = ("method", "settings", "training_seed")
    return tuple(sorted(runs, key=lambda run: [run.facts[key] for key in keys]))


def _rank(name: str, order: tuple[str, ...]) -> int:
    return order.index(name) if name in order else len(order)


def _label(method: str, settings: str, several: bool) -> str:
    label = LABELS.get(method, method)
    return f"{label} ({settings})" if several else label
