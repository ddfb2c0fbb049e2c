"""What the rows of a table are called: the method, and what tells its rows apart."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from methods.samplers import NAMES as SAMPLERS

LABELS = {
    "copy-source": "Copy of the source",
    "vae": "VAE",
    "med-ddpm": "Med-DDPM",
    "ours": "Dao et al. (ours)",  # the paper's word; in anybody else's table it needs a name
}
NOT_SHOWN = ("method", "code", "shape")  # of what made a row: equal for all, or unreadable
SHORT = {
    "training.learning_rate": "lr {:g}",
    "training.iterations": "{:,} iterations",
    "training.batch_size": "batch {}",
    "training.ema.decay": "EMA {:g}",
    "precision": "{}",
    "samples": "{} samples",
}
MOST = 4  # differences that a label names
SAMPLER = "sampler."
OF_PARENT = ("kind", "steps", "start", "every")  # keys that say nothing without the one above

Values = Mapping[str, Any]


@dataclass(frozen=True)
class RowFacts:
    """What is known of a row.

    Attributes:
        method: Registered name.
        label: Given by the user; empty for none.
        preset: The preset whose settings it has; empty where some were overridden.
        made_by: What determined its volumes, as ``run.json`` says; empty where that is unknown.
        details: What the method says of itself.
        created: When its volumes were finished, as a reader may see it.
    """

    method: str
    label: str = ""
    preset: str = ""
    made_by: Values = field(default_factory=dict)
    details: str = ""
    created: str = ""


def method_label(method: str) -> str:
    """What a method is called in tables."""
    return LABELS.get(method, method)


def row_labels(rows: Sequence[RowFacts]) -> list[str]:
    """A label for each row, no two alike: by what differs, or as the user calls it."""
    names = [_named(row, rows) for row in rows]
    for tell in (_by_difference, _by_time):
        twice = Counter(names)
        names = [
            tell(name, row, [r for r, n in zip(rows, names, strict=True) if n == name])
            if twice[name] > 1
            else name
            for name, row in zip(names, rows, strict=True)
        ]
    return list(_numbered(names))


def differences(row: RowFacts, others: Sequence[RowFacts]) -> list[str]:
    """What tells a row from others of its method, such as ``lr 0.01`` or ``DDIM 5``.

    A row that has not the preset's settings is told by what it has otherwise than the preset's
    row; without such a row, or in it, all that differs is named.
    """
    flat = {id(its): _flat(its.made_by) for its in (row, *others)}
    own = flat[id(row)]
    reference = next((its for its in others if its.preset and its.made_by), None)
    compared = others if reference is None or reference is row else [reference]
    changed = [key for key in own if any(flat[id(its)].get(key) != own[key] for its in compared)]
    return _texts(changed, own)


def _named(row: RowFacts, rows: Sequence[RowFacts]) -> str:
    if row.label:
        return f"{method_label(row.method)}, {row.label}"
    others = [its for its in rows if its.method == row.method]
    if row.preset and all(its.label for its in others if its is not row):
        return method_label(row.method)  # what differs has names
    return _with(method_label(row.method), _cut(differences(row, others)))


def _by_difference(name: str, row: RowFacts, rows: Sequence[RowFacts]) -> str:
    """Rows of one name: what is known of their settings, else of what they say of themselves."""
    told = differences(row, rows) if row.label else []
    if not told and len({its.details for its in rows}) > 1:
        told = [row.details]
    return _with(name, _cut(told))


def _by_time(name: str, row: RowFacts, rows: Sequence[RowFacts]) -> str:
    """Rows made alike by other code, or elsewhere: when."""
    return _with(name, [f"made {row.created}"] if row.created else [])


def _numbered(names: Sequence[str]) -> Iterator[str]:
    seen: Counter[str] = Counter()
    for name in names:
        seen[name] += 1
        yield name if seen[name] == 1 else f"{name}, {seen[name]}"


def _with(name: str, told: Sequence[str]) -> str:
    return ", ".join(part for part in (name, *told) if part)


def _cut(told: list[str]) -> list[str]:
    return told if len(told) <= MOST else [*told[:MOST], f"and {len(told) - MOST} more"]


def _flat(values: Values, above: str = "") -> dict[str, Any]:
    """Nested settings by their full keys, without those that no label shows."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if not above and key in NOT_SHOWN:
            continue
        name = key if not above or above == "settings" else f"{above}.{key}"
        flat |= _flat(value, name) if isinstance(value, Mapping) else {name: value}
    return flat


def _texts(keys: Sequence[str], values: Values) -> list[str]:
    texts = [_sampler(key, values) or _text(key, keys, values[key]) for key in keys]
    return list(dict.fromkeys(texts))


def _sampler(key: str, values: Values) -> str:
    """A sampler with its steps, ``DDIM 5``; empty where the key is no sampler's."""
    above, found, _ = key.rpartition(SAMPLER)
    kind = values.get(f"{above}{SAMPLER}kind")
    if not found or kind not in SAMPLERS or not key.endswith(("kind", "steps")):
        return ""
    return f"{SAMPLERS[kind]} {values.get(f'{above}{SAMPLER}steps', '')}".strip()


def _text(key: str, keys: Sequence[str], value: Any) -> str:
    if key in SHORT:
        return SHORT[key].format(value)
    parts = key.split(".")
    alike = sum(its.split(".")[-1] == parts[-1] for its in keys)
    chosen = parts[-2:] if alike > 1 or parts[-1] in OF_PARENT else parts[-1:]
    name = " ".join(chosen).replace("_", " ").removesuffix(" kind")
    if isinstance(value, bool):
        return f"{name} {'on' if value else 'off'}"
    if isinstance(value, list):
        return f"{name} {'-'.join(map(str, value))}"
    return f"{name} {value}"
