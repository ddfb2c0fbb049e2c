"""Labels of the rows of a table: the method, and what distinguishes its rows."""

import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from longibench.methods.method import Role
from longibench.methods.samplers import NAMES as SAMPLERS

LABELS = {
    "copy-source": "Copy of the source",
    "copy-smoothed": "Smoothed copy of the source",
    "mean-rate": "Mean rate",
    "regression": "Regression",
    "vae": "VAE",
    "med-ddpm": "Med-DDPM",
    "ours": "Dao et al. (ours)",  # "ours" is the paper's word; in other tables it needs a name
    "denoised-copy": "Denoised copy",
    "half-change": "Half of the change",
    "full-change": "Full change",
    "expected-change": "Expected change",
}
ORDER = tuple(LABELS)  # of the rows that have equal roles; the paper's methods as in its table
RowRole = Role | Literal["forecast"]
ROLES: tuple[RowRole, ...] = ("reference", "forecast", "method", "oracle")  # in the order of rows
FEW_METRICS: tuple[RowRole, ...] = ("forecast", "oracle")  # rows that few metrics measure
MARKS: dict[RowRole, str] = {"forecast": " (forecast)", "oracle": " (oracle)"}
NOT_SHOWN = ("method", "code", "shape")  # of the settings of a row: equal for all, or not readable
SHORT = {
    "training.learning_rate": "lr {}",
    "training.iterations": "{} iterations",
    "training.batch_size": "batch {}",
    "training.ema.decay": "EMA {}",
    "precision": "{}",
    "samples": "{} samples",
}
MOST = 4  # differences in a label
MOST_OF_PRESET = 2  # in the row of a preset, which is the reference for others
LONGEST = 24  # characters of a value
SAMPLER = "sampler."
OF_PARENT = ("kind", "steps", "start", "every")  # keys that are ambiguous without their parent

Values = Mapping[str, Any]


@dataclass(frozen=True)
class RowFacts:
    """Facts about a row.

    Attributes:
        method: Registered name.
        label: Given by the user; empty for none.
        preset: The preset whose settings it has; empty if some were overridden.
        made_by: What determined its volumes, from ``run.json``; empty if unknown.
        details: The method's own description.
        created: When its volumes were finished, in readable form.
        role: What the row is, as the method declares it.
    """

    method: str
    label: str = ""
    preset: str = ""
    made_by: Values = field(default_factory=dict)
    details: str = ""
    created: str = ""
    role: RowRole = "method"


def method_label(method: str, role: RowRole = "method") -> str:
    """Name of a row in tables; an oracle and a forecast are marked."""
    return f"{LABELS.get(method, method)}{MARKS.get(role, '')}"


def row_labels(rows: Sequence[RowFacts]) -> list[str]:
    """A unique label for each row: by its differences, or as given by the user."""
    names = [_named(row, rows) for row in rows]
    for extend in (_by_difference, _by_time):
        counts = Counter(names)
        names = [
            extend(name, row, [r for r, n in zip(rows, names, strict=True) if n == name])
            if counts[name] > 1
            else name
            for name, row in zip(names, rows, strict=True)
        ]
    return list(_numbered(names))


def differences(row: RowFacts, others: Sequence[RowFacts]) -> list[str]:
    """What distinguishes a row from others of its method, such as ``lr 0.01`` or ``DDIM 5``.

    A row with overridden settings is named by its differences from the preset's row; without a row
    of a preset, or for that row, all differences are named.
    """
    reference = next((other for other in others if other.preset and other.made_by), None)
    compared = others if reference is None or reference is row else [reference]
    flat = [_flat(other.made_by) for other in others]
    every = {key for one in flat for key in one if any(_differ(key, one, two) for two in flat)}
    own = _flat(row.made_by)
    against = [_flat(other.made_by) for other in compared if other.made_by] if row.made_by else []
    keys = dict.fromkeys([*own, *(key for other in against for key in other)])
    changed = [key for key in keys if any(_differ(key, own, other) for other in against)]
    return _texts(changed, own, every)


def _differ(key: str, values: Values, others: Values) -> bool:
    """Whether two rows differ in a setting: 1 and true are not the same."""
    texts = [
        json.dumps(settings.get(key)) if key in settings else "" for settings in (values, others)
    ]
    return texts[0] != texts[1]


def _named(row: RowFacts, rows: Sequence[RowFacts]) -> str:
    name = method_label(row.method, row.role)
    if row.label:
        return f"{name}, {row.label}"
    others = [other for other in rows if other.method == row.method]
    parts = differences(row, others)
    named = all(other.label for other in others if other is not row)
    if row.preset and (named or len(parts) > MOST_OF_PRESET):
        return name  # the labels of the others name the differences
    return _with(name, _cut(parts))


def _by_difference(name: str, row: RowFacts, rows: Sequence[RowFacts]) -> str:
    """Distinguish rows of one name by their settings, else by their descriptions."""
    parts = differences(row, rows)
    if not parts and len({other.details for other in rows}) > 1:
        parts = [row.details]
    return _with(name, _cut(parts))


def _by_time(name: str, row: RowFacts, rows: Sequence[RowFacts]) -> str:
    """Distinguish rows with equal settings, but other code or origin, by time."""
    return _with(name, [f"made {row.created}"] if row.created else [])


def _numbered(names: Sequence[str]) -> Iterator[str]:
    """Number the remaining duplicates."""
    taken: set[str] = set()
    for name in names:
        label, number = name, 1
        while label in taken or (number > 1 and label in names):
            number += 1
            label = f"{name}, {number}"
        taken.add(label)
        yield label


def _with(name: str, parts: Sequence[str]) -> str:
    return ", ".join(part for part in (name, *parts) if part)


def _cut(parts: list[str]) -> list[str]:
    return parts if len(parts) <= MOST else [*parts[:MOST], f"and {len(parts) - MOST} more"]


def _flat(values: Values, above: str = "") -> dict[str, Any]:
    """Nested settings by their full keys, without those that no label shows."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if not above and key in NOT_SHOWN:
            continue
        name = key if not above or above == "settings" else f"{above}.{key}"
        flat |= _flat(value, name) if isinstance(value, Mapping) else {name: value}
    return flat


def _texts(keys: Sequence[str], values: Values, every: Collection[str]) -> list[str]:
    texts = [_sampler(key, values) or _text(key, every, values) for key in keys]
    return list(dict.fromkeys(texts))


def _sampler(key: str, values: Values) -> str:
    """A sampler with its steps, ``DDIM 5``; empty if the key is not of a sampler."""
    above, found, _ = key.rpartition(SAMPLER)
    kind = values.get(f"{above}{SAMPLER}kind")
    if not found or kind not in SAMPLERS or not key.endswith(("kind", "steps")):
        return ""
    return f"{SAMPLERS[kind]} {values.get(f'{above}{SAMPLER}steps', '')}".strip()


def _text(key: str, every: Collection[str], values: Values) -> str:
    """A setting with its value; ``no NAME`` if the row does not have it."""
    name = _short(key, every)
    if key not in values:
        return f"no {name}"
    value = values[key]
    if isinstance(value, bool):
        return f"{name} {'on' if value else 'off'}"
    if key in SHORT and isinstance(value, int | float | str):
        return SHORT[key].format(_number(value))
    if isinstance(value, list):
        return f"{name} {_plain('-'.join(map(str, value)) or 'none')}"
    return f"{name} {_plain(str(_number(value)))}"


def _short(key: str, every: Collection[str]) -> str:
    """The shortest unique end of a key, in words."""
    parts = key.split(".")
    count = 2 if parts[-1] in OF_PARENT else 1
    while count < len(parts) and any(
        other != key and other.split(".")[-count:] == parts[-count:] for other in every
    ):
        count += 1
    return " ".join(parts[-count:]).replace("_", " ").removesuffix(" kind")


def _number(value: Any) -> Any:
    """A number in short form, if no digit is lost."""
    if isinstance(value, float) and float(f"{value:g}") == value:
        return f"{value:g}"
    return f"{value:,}" if isinstance(value, int) and abs(value) >= 10_000 else value


def _plain(text: str) -> str:
    """A value from the user, cleaned for a table: the end of a path, no special characters."""
    name = text.rstrip("/").rpartition("/")[2]
    return "".join(letter for letter in name if letter.isalnum() or letter in " .,+-_()")[:LONGEST]
