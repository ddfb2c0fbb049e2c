"""The content of a protocol folder: the data model of every table and figure."""

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from longibench.benchmark.core.checked_files import read_json
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.workspace import PROVENANCE, RUN, SCORES
from longibench.benchmark.evaluation.evaluate import collect_scores, read_pairs
from longibench.benchmark.evaluation.generate import read_run
from longibench.benchmark.evaluation.score_table import (
    DENOMINATOR,
    METRIC,
    NUMERATOR,
    VALUE,
    read_scores,
)
from longibench.benchmark.protocol.protocol_file import read_protocol
from longibench.benchmark.protocol.recorded_metrics import current_metrics, read_recorded
from longibench.benchmark.runs.row_names import Rows, read_rows
from longibench.reports.model.labels import (
    FEW_METRICS,
    ORDER,
    ROLES,
    RowFacts,
    RowRole,
    row_labels,
)
from longibench.reports.model.metric_facts import MetricFacts
from longibench.reports.model.public_provenance import public_provenance, public_settings
from longibench.reports.model.public_text import public_facts, public_text
from longibench.reports.model.unfinished import Unfinished, find_unfinished, newer_scores

COPY = "copy-source"  # the only row that was no method's when no role was recorded
VISIT = ["subject", "visit"]
UNKNOWN = "~"  # sorts after every time
FIRST_METRICS = ("fid", "ssim", "ssim-head")  # the metrics of the paper


@dataclass(frozen=True)
class Entry:
    """A row of a table: a method with one digest of settings, with all its training seeds.

    Attributes:
        method: Registered name.
        settings: Digest of what determined its volumes; it is not displayed.
        label: Its unique name in tables.
        preset: The preset whose settings it has; empty if some were overridden.
        role: What the row is: ``method``; ``reference``, which shows what a metric gives to a copy;
            ``forecast``, volumes of tissue without an image; ``oracle``, which is made with the
            simulated truth.
    """

    method: str
    settings: str
    label: str
    preset: str = ""
    role: RowRole = "method"

    @property
    def competes(self) -> bool:
        """Whether it is ranked and compared: references and oracles are shown beside methods."""
        return self.role == "method"

    @property
    def is_measured_by_few(self) -> bool:
        """Whether few metrics measure it, so that most have no value."""
        return self.role in FEW_METRICS


@dataclass(frozen=True)
class Run:
    """Predictions of one method, settings and training seed: their folder and ``run.json``."""

    folder: Path
    facts: dict[str, Any]

    @property
    def volumes(self) -> Path:
        """Folder of manifest and volumes: another one for volumes made by other code."""
        return Path(self.facts.get("folder", self.folder))

    @property
    def written(self) -> int:
        """When the run was finished, in nanoseconds."""
        return (self.folder / RUN).stat().st_mtime_ns

    @property
    def created(self) -> str:
        """The same in readable form, ``2026-11-29 14:05`` in UTC."""
        created = self.facts.get("created")
        if not isinstance(created, str):
            created = datetime.fromtimestamp(self.written / 1e9, UTC).isoformat()
        return created[:16].replace("T", " ")


@dataclass(frozen=True)
class Results:
    """The inputs of a report.

    Attributes:
        folder: The protocol's folder; its parent is the workspace.
        protocol: The facts in ``protocol.json``.
        provenance: The facts in ``provenance.json``; empty if there is none.
        scores: The score table, see ``benchmark.evaluation.score_table``.
        pairs: The evaluated pairs with paths that can be opened, by subject and interval.
        runs: The predictions on disk, sorted by method, settings and training seed.
        recorded: The facts in ``metrics.json``.
        rows: The facts in ``rows.json``.
        unfinished: What runs asked for that is not scored.
    """

    folder: Path
    protocol: dict[str, Any]
    provenance: dict[str, Any]
    scores: pd.DataFrame
    pairs: pd.DataFrame
    runs: tuple[Run, ...]
    recorded: tuple[dict[str, Any], ...] = ()
    rows: Rows = field(default_factory=dict)
    unfinished: Unfinished = field(default_factory=Unfinished)

    @property
    def workspace(self) -> Path:
        """The folder of the protocols and the models."""
        return self.folder.parent

    @property
    def shareable(self) -> bool:
        """Whether images of the participants may leave the machine."""
        return bool(self.protocol["cohort"].get("shareable", False))

    @property
    def metrics(self) -> list[MetricFacts]:
        """The metrics that were computed, the paper's first; two definitions are two metrics."""
        computed = {(name, definition) for *_, name, definition in self._places}
        current = current_metrics(self.recorded or self.protocol.get("metrics", []), computed)
        known = [MetricFacts.of(entry) for entry in current]
        return sorted(_distinct_titles(known), key=lambda metric: _rank(metric.name, FIRST_METRICS))

    @cached_property
    def entries(self) -> list[Entry]:
        """The rows: references, the paper's methods, others by name, oracles.

        Within a method the preset's row is first, then by time.
        """
        found = {(method, settings) for method, settings, *_ in self._places}
        facts = {row: self._facts(*row) for row in found}
        rows = sorted(
            found,
            key=lambda row: (
                *(ROLES.index(facts[row].role), _rank(row[0], ORDER), row[0]),
                *(not facts[row].preset, facts[row].created or UNKNOWN, row),
            ),
        )
        labels = row_labels([facts[row] for row in rows])
        return [
            Entry(*row, label, facts[row].preset, facts[row].role)
            for row, label in zip(rows, labels, strict=True)
        ]

    @property
    def methods(self) -> list[Entry]:
        """The rows that are ranked and compared."""
        return [entry for entry in self.entries if entry.competes]

    @property
    def pictured(self) -> list[Entry]:
        """The rows of figures: the methods; without any, all rows that have images."""
        return self.methods or [entry for entry in self.entries if entry.role != "forecast"]

    def scores_of(self, entry: Entry, metric: MetricFacts) -> pd.DataFrame:
        """The score table's rows of one entry and metric, all roles and training seeds."""
        return self.scores.iloc[self._rows_of(entry, metric)]

    def values_of(self, entry: Entry, metric: MetricFacts) -> pd.DataFrame:
        """The values of one entry and metric that could be computed, of all training seeds.

        Returns:
            Columns ``subject`` and ``visit`` as by ``numbered``, ``volume`` (a number for each
            subject, visit and sample), ``training_seed`` and ``value``.
        """
        return self._values.iloc[self._rows_of(entry, metric)].dropna(subset=["value"])

    def is_ratio(self, entry: Entry, metric: MetricFacts) -> bool:
        """Whether the scores have numerators and denominators of one entry and metric."""
        return bool((self.scores_of(entry, metric)["role"] == NUMERATOR).any())

    def parts_of(self, entry: Entry, metric: MetricFacts) -> pd.DataFrame:
        """Numerators and denominators of a ratio of sums, one row a part and training seed.

        Returns:
            Columns ``subject``, and ``visit`` unless the parts are those of subjects, as by
            ``numbered``; ``training_seed``, ``NUMERATOR``, ``DENOMINATOR``.
        """
        rows = self.scores_of(entry, metric)
        parts = rows[rows["role"].isin([NUMERATOR, DENOMINATOR])].pivot(
            index=[*VISIT, "sample", "training_seed"], columns="role", values="value"
        )
        table = parts.reset_index()[[*VISIT, "training_seed", NUMERATOR, DENOMINATOR]]
        of_subjects = not table["visit"].any()
        found = self.numbered(table)
        return found.drop(columns="visit") if of_subjects else found

    def numbered(self, table: pd.DataFrame) -> pd.DataFrame:
        """A table with subjects and visits as numbers: fast to compare, in the order of the names.

        Those without a score have the number -1.
        """
        numbers = {
            name: index.get_indexer(pd.Index(table[name])) for name, index in self._names.items()
        }
        return table.assign(**numbers)

    def newest(self, method: str) -> Entry | None:
        """The method's entry whose predictions are newest; None without scores."""
        entries = [entry for entry in self.entries if entry.method == method]
        return max(entries, key=self._written, default=None)

    def of_preset(self, method: str) -> Entry | None:
        """The method's entry with a preset's settings, the newest of several; else the newest."""
        entries = [entry for entry in self.entries if entry.method == method and entry.preset]
        return max(entries, key=self._written, default=self.newest(method))

    def runs_of(self, entry: Entry) -> list[Run]:
        """The entry's predictions, by training seed."""
        return self._runs_of(entry.method, entry.settings)

    def is_scored(self, entry: Entry, metric: MetricFacts) -> bool:
        """Whether there is any row of one entry and metric."""
        return len(self._rows_of(entry, metric)) > 0

    def _rows_of(self, entry: Entry, metric: MetricFacts) -> Any:
        """Positions in the score table."""
        place = (entry.method, entry.settings, metric.name, metric.definition)
        return self._places.get(place, [])

    def _runs_of(self, method: str, settings: str) -> list[Run]:
        wanted = (method, settings)
        return [run for run in self.runs if (run.facts["method"], run.facts["settings"]) == wanted]

    def _facts(self, method: str, settings: str) -> RowFacts:
        """Facts about a row."""
        row, runs = self.rows.get(method, {}).get(settings, {}), self._runs_of(method, settings)
        facts = runs[0].facts if runs else {}
        return RowFacts(
            method,
            label=row.get("label", ""),
            preset=row.get("preset", ""),
            made_by=made_by if isinstance(made_by := facts.get("made_by"), dict) else {},
            details=str(facts.get("details") or ""),
            role=_role(method, facts),
            created=runs[0].created if runs else "",
        )

    def details(self, entry: Entry) -> str:
        """The method's prediction target, sampler and steps; empty if not recorded."""
        runs = self.runs_of(entry)
        return str(runs[0].facts.get("details") or "") if runs else ""

    @cached_property
    def _places(self) -> dict[Any, Any]:
        """Row positions by entry and metric, an index for frequent look-ups."""
        return dict(self.scores.groupby(["method", "settings", *METRIC]).indices)

    @cached_property
    def _names(self) -> dict[str, pd.Index]:
        """All subjects and visits of the scores, sorted."""
        return {name: pd.Index(self.scores[name].unique()).sort_values() for name in VISIT}

    @cached_property
    def _values(self) -> pd.DataFrame:
        """Rows as those of the scores, as numbers; other roles than "value" have no value."""
        table = self.numbered(self.scores[[*VISIT, "sample", "training_seed"]])
        table["volume"] = table.groupby([*VISIT, "sample"]).ngroup()
        table["value"] = self.scores["value"].where(self.scores["role"] == VALUE)
        return table.drop(columns="sample")

    def _written(self, entry: Entry) -> int:
        return max((run.written for run in self.runs_of(entry)), default=0)


def read_results(folder: Path) -> Results:
    """Read a protocol folder; of what a report shows, the public facts only.

    Paths, mail addresses and accounts of the machine are left out here, in one place, so that no
    page, table or figure can show them. Only ``pairs`` and the folders of ``runs`` have paths.

    Args:
        folder: ``WORKSPACE/<protocol>``.

    Raises:
        UserError: A file is missing or damaged, or nothing has been scored.
    """
    protocol = read_protocol(folder)
    if newer_scores(folder):
        collect_scores(folder)
    scores = read_scores(folder / SCORES) if (folder / SCORES).exists() else None
    unfinished = find_unfinished(folder, scores)
    if scores is None or scores.empty:
        raise _nothing_scored(folder, unfinished)
    provenance = folder / PROVENANCE
    recorded = tuple(read_recorded(folder))
    if not recorded and "metrics" not in protocol:
        raise UserError(
            f"{folder}: has no list of its metrics; a 'python cli.py run' with all that its "
            "tables should show adds them"
        )
    return Results(
        folder=folder,
        protocol=_public_protocol(protocol),
        provenance=(
            public_provenance(read_json(provenance, dict[str, Any])) if provenance.is_file() else {}
        ),
        scores=_public_scores(scores),
        pairs=read_pairs(folder).sort_values(["subject", "interval_years"], ignore_index=True),
        runs=_read_runs(folder / "predictions"),
        recorded=tuple(_public_metric(entry) for entry in recorded),
        rows=read_rows(folder),
        unfinished=replace(
            unfinished,
            cells=tuple(map(public_text, unfinished.cells)),
            folds=tuple(map(public_text, unfinished.folds)),
        ),
    )


def _public_protocol(protocol: dict[str, Any]) -> dict[str, Any]:
    """Its facts are prose, but for the list of metrics that earlier versions kept here."""
    public: dict[str, Any] = public_facts({**protocol, "metrics": None})
    if "metrics" not in protocol:
        del public["metrics"]
        return public
    return {**public, "metrics": [_public_metric(entry) for entry in protocol["metrics"]]}


def _public_metric(entry: dict[str, Any]) -> dict[str, Any]:
    prose = {key: value for key in ("title", "source", "unit") if (value := entry.get(key))}
    return {**entry, **public_facts(prose)}


def _public_scores(scores: pd.DataFrame) -> pd.DataFrame:
    """The scores with public titles and notes; each text is looked at once."""
    texts = {
        name: scores[name].map({text: public_facts(text) for text in scores[name].unique()})
        for name in ("title", "note")
    }
    return scores.assign(**texts)


def _public_run(facts: dict[str, Any]) -> dict[str, Any]:
    """The facts of ``run.json``; those that are places are opened and never shown."""
    prose = {name: facts[name] for name in ("details", "summary", "device") if name in facts}
    made_by = {"made_by": public_settings(facts["made_by"])} if "made_by" in facts else {}
    return {**facts, **public_facts(prose), **made_by}


def _nothing_scored(folder: Path, unfinished: Unfinished) -> UserError:
    """The error that there is nothing to report; what is under way, and what continues."""
    if not unfinished.sentences:
        return UserError(f"{folder / SCORES}: no scores yet; 'python cli.py run' makes them")
    return UserError(
        f"{folder}: nothing is scored yet. {' '.join(unfinished.sentences)} "
        f"{unfinished.how_here[:1].upper()}{unfinished.how_here[1:]}"
    )


def _read_runs(folder: Path) -> tuple[Run, ...]:
    scored = {path.parent for name in (RUN, SCORES) for path in folder.glob(f"*/{name}")}
    runs = [Run(place, _public_run(read_run(place))) for place in scored]
    keys = ("method", "settings", "training_seed")
    return tuple(sorted(runs, key=lambda run: [run.facts[key] for key in keys]))


def _role(method: str, facts: dict[str, Any]) -> RowRole:
    """What a row is, as its method declared when it was generated."""
    recorded = facts.get("role", "reference" if method == COPY else "method")
    return next((role for role in ROLES if role == recorded), "method")


def _rank(name: str, order: tuple[str, ...]) -> int:
    return order.index(name) if name in order else len(order)


def _distinct_titles(metrics: list[MetricFacts]) -> list[MetricFacts]:
    """Make titles distinct: later definitions with the same title are numbered."""
    seen: Counter[str] = Counter()
    distinct = []
    for metric in metrics:
        seen[metric.title] += 1
        number = seen[metric.title]
        distinct.append(metric if number == 1 else replace(metric, title=metric.numbered(number)))
    return distinct
