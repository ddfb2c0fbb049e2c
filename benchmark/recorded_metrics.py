"""``metrics.json`` of a protocol: which metrics its scores hold, and what the report needs of them.

A metric is added to a finished protocol by computing that metric; none is taken away.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmark.errors import UserError
from benchmark.files import write_json
from benchmark.measures import describe_metric
from benchmark.settings import MetricSettings
from benchmark.workspace import PATIENCE, Workspace
from metrics.metric import Metric

METRICS_FILE = "metrics.json"

Facts = dict[str, Any]


def read_recorded(folder: Path) -> list[Facts]:
    """What a protocol's folder says of its metrics; nothing where it is not there.

    Raises:
        UserError: The file is damaged.
    """
    path = folder / METRICS_FILE
    if not path.is_file():
        return []
    try:
        return [dict(facts) for facts in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError) as error:
        raise UserError(
            f"{path}: cannot be read ({error}); delete it, and a 'python cli.py run' with all "
            "metrics that its tables should show writes it anew"
        ) from error


def record_metrics(folder: Path, metrics: Sequence[Metric], settings: MetricSettings) -> None:
    """Add metrics to those of a protocol; those that are there stay where they are.

    A definition that was changed takes the place of the one before: both cannot be computed.

    Args:
        folder: The protocol's folder.
        metrics: As they are built.
        settings: What they were built from.
    """
    by_extractor = settings.model_dump(mode="json", include={"extractor", "input"})
    asked = {}
    for metric in metrics:
        built_from = by_extractor if metric.uses_extractor else {}
        facts = {**describe_metric(metric), "settings": built_from}
        asked[_key(facts)] = facts
    with Workspace(folder.parent).lock(folder / METRICS_FILE, PATIENCE):
        before = read_recorded(folder)
        known = {_key(facts): facts for facts in before}
        merged = [*(asked.get(key, facts) for key, facts in known.items())]
        merged += [facts for key, facts in asked.items() if key not in known]
        if merged != before:
            write_json(folder / METRICS_FILE, merged)


def recorded_settings(folder: Path) -> list[MetricSettings]:
    """From what the metrics of a protocol can be built: one entry an extractor and input."""
    groups: dict[str, Facts] = {}
    for facts in read_recorded(folder):
        built_from = facts["settings"]
        group = groups.setdefault(repr(built_from), {**built_from, "names": []})
        group["names"].append(facts["name"])
    return [MetricSettings.model_validate(group) for group in groups.values()]


def _key(facts: Facts) -> tuple[str, str]:
    """What can be built: one definition a name and extractor."""
    return facts["name"], repr(facts["settings"])
