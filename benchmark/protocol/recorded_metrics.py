"""``metrics.json`` of a protocol: the metrics of its scores, and what the report needs of them.

A metric is added to a finished protocol by computing that metric; none is removed but those of
earlier versions that others replace, see ``metrics.retired``.
"""

from collections.abc import Container, Iterable, Sequence
from pathlib import Path
from typing import Any

from longibench.benchmark.core.checked_files import read_json, write_json
from longibench.benchmark.core.folder_digests import DamagedFileError
from longibench.benchmark.core.workspace import METRICS, PATIENCE, Workspace
from longibench.benchmark.protocol.protocol_metrics import describe_metric
from longibench.benchmark.settings.schema import MetricSettings
from longibench.metrics.metric import Metric
from longibench.metrics.retired import successors
from longibench.metrics.weights import EMBEDDED

REQUIRED = (
    *("name", "title", "kind", "higher_is_better", "unit", "decimals", "source"),
    *("definition", "settings"),
)

Facts = dict[str, Any]
ADVICE = (
    "delete it, and a 'python cli.py run' with all metrics that its tables should show writes it "
    "again"
)


def read_recorded(folder: Path) -> list[Facts]:
    """The metrics recorded in a protocol's folder; empty if there is no ``metrics.json``.

    Raises:
        DamagedFileError: The file is damaged.
    """
    path = folder / METRICS
    if not path.is_file():
        return []
    found = read_json(path, list[Facts], ADVICE)
    lacking = next((key for entry in found for key in REQUIRED if key not in entry), "")
    if lacking:
        raise DamagedFileError(path, f"cannot be read: an entry lacks '{lacking}'", ADVICE)
    return found


def record_metrics(folder: Path, metrics: Sequence[Metric], settings: MetricSettings) -> None:
    """Add metrics to those of a protocol; existing entries keep their position.

    A changed definition follows the previous one, whose values are shown until there are new ones.

    Args:
        folder: The protocol's folder.
        metrics: The metrics.
        settings: What they were built from.
    """
    asked = [
        {**describe_metric(metric), "settings": _built_from(metric, settings)} for metric in metrics
    ]
    with Workspace(folder.parent).lock(folder / METRICS, PATIENCE):
        before = read_recorded(folder)
        merged = [entry for entry in before if not successors(entry["name"])]
        for facts in asked:
            merged = _added(merged, facts)
        if merged != before:
            write_json(folder / METRICS, merged)


def _built_from(metric: Metric, settings: MetricSettings) -> Facts:
    """The settings that a metric depends on.

    Of segmentations only an older one: the values of a newer default replace those of the one
    before.
    """
    names: set[str] = set()
    if metric.uses_extractor and metric.extractor is None:
        names |= {"extractor", "input"}
    if metric.uses_segmentation and settings.segmentation != EMBEDDED:
        names |= {"segmentation"}
    return settings.model_dump(mode="json", include=names)


def _added(known: list[Facts], facts: Facts) -> list[Facts]:
    """The entries with one added or updated; the last entry of a slot is the current one."""
    slot, same = _slot(facts), (facts["name"], facts["definition"])
    in_slot = [place for place, entry in enumerate(known) if _slot(entry) == slot]
    if in_slot and (known[in_slot[-1]]["name"], known[in_slot[-1]]["definition"]) == same:
        known = [*known[: in_slot[-1]], facts, *known[in_slot[-1] + 1 :]]
        return [
            entry
            for entry in known
            if entry is facts or (entry["name"], entry["definition"]) != same
        ]
    end = in_slot[-1] + 1 if in_slot else len(known)
    known = [*known[:end], facts, *known[end:]]
    return [
        entry for entry in known if entry is facts or (entry["name"], entry["definition"]) != same
    ]


def retired_metrics(recorded: Iterable[Facts]) -> str:
    """One sentence on recorded metrics that others replace; empty if there are none."""
    names = list(dict.fromkeys(its["name"] for its in recorded if successors(its["name"])))
    if not names:
        return ""
    new = dict.fromkeys(its for name in names for its in successors(name))
    return (
        f"metrics of an earlier version are left out ({', '.join(names)}); "
        f"a 'python cli.py run' scores the kept volumes by those that replace them "
        f"({', '.join(new)})"
    )


def current_metrics(recorded: Iterable[Facts], computed: Container[tuple[str, str]]) -> list[Facts]:
    """The newest definition that has values, for each metric and extractor.

    Args:
        recorded: The entries of ``metrics.json``.
        computed: Name and definition of what has values.
    """
    slots: dict[str, Facts] = {}
    for facts in recorded:
        if successors(facts["name"]):
            continue
        if (facts["name"], facts.get("definition", "")) in computed:
            slots[_slot(facts)] = facts  # at the position of the first of the slot
    return list(slots.values())


def recorded_settings(recorded: Iterable[Facts]) -> list[MetricSettings]:
    """Settings that recorded metrics can be built from: one entry per extractor and input."""
    groups: dict[str, Facts] = {}
    for facts in recorded:
        if successors(facts["name"]):
            continue
        built_from = facts["settings"]
        group = groups.setdefault(repr(built_from), {**built_from, "names": []})
        if facts["name"] not in group["names"]:  # it may have had other definitions
            group["names"].append(facts["name"])
    return [MetricSettings.model_validate(group) for group in groups.values()]


def _slot(facts: Facts) -> str:
    """Key of what has one definition at a time: a name and an extractor."""
    return repr((facts["name"], facts.get("settings")))
