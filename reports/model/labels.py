"""What the rows of a table are called: the method, and what tells its rows apart."""

import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from longibench.methods.samplers import NAMES as SAMPLERS

LABELS = {
    "copy-source": "Copy of the source",
    "vae": "VAE",
    "med-ddpm": "Med-DDPM",
    "ours": "Dao et al. (ours)",  # the paper's word; in anybody else's table it needs a name
}
NOT_SHOWN = ("method", "code", "shape")  # of what made a row: equal for all, or unreadable
SHORT = {
    "training.learning_rate": "lr {}",
    "training.iterations": "{} iterations",
    "training.batch_size": "batch {}",
    "training.ema.decay": "EMA {}",
    "precision": "{}",
    "samples": "{} samples",
}
MOST = 4  # differences that a label names
MOST_OF_PRESET = 2  # in the row of a preset, with which others are compared
LONGEST = 24  # characters of a value
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

    A row that has not the preset's settings is named by what it has otherwise than the preset's
    row; without such a row, or in it, all that differs is named.
    """
    reference = next((its for its in others if its.preset and its.made_by), None)
    compared = others if reference is None or reference is row else [reference]
    flat = [_flat(its.made_by) for its in others]
    every = {key for its in flat for key in its if any(_differ(key, its, one) for one in flat)}
    own = _flat(row.made_by)
    against = [_flat(its.made_by) for its in compared if its.made_by] if row.made_by else []
    keys = dict.fromkeys([*own, *(key for its in against for key in its)])
    changed = [key for key in keys if any(_differ(key, own, its) for its in against)]
    return _texts(changed, own, every)


def _differ(key: str, values: Values, others: Values) -> bool:
    """Whether two rows differ in a setting: 1 and true are not the same."""
    texts = [json.dumps(its.get(key)) if key in its else "" for its in (values, others)]
    return texts[0] != texts[1]


def _named(row: RowFacts, rows: Sequence[RowFacts]) -> str:
    if row.label:
        return f"{method_label(row.method)}, {row.label}"
    others = [its for its in rows if its.method == row.method]
    told = differences(row, others)
    named = all(its.label for its in others if its is not row)
    if row.preset and (named or len(told) > MOST_OF_PRESET):
        return method_label(row.method)  # the others say what they have otherwise
    return _with(method_label(row.method), _cut(told))


def _by_difference(name: str, row: RowFacts, rows: Sequence[RowFacts]) -> str:
    """Rows of one name: what is known of their settings, else of what they say of themselves."""
    told = differences(row, rows)
    if not told and len({its.details for its in rows}) > 1:
        told = [row.details]
    return _with(name, _cut(told))


def _by_time(name: str, row: RowFacts, rows: Sequence[RowFacts]) -> str:
    """Rows made alike by other code, or elsewhere: when."""
    return _with(name, [f"made {row.created}"] if row.created else [])


def _numbered(names: Sequence[str]) -> Iterator[str]:
    """What is called alike all the same is counted."""
    taken: set[str] = set()
    for name in names:
        told, number = name, 1
        while told in taken or (number > 1 and told in names):
            number += 1
            told = f"{name}, {number}"
        taken.add(told)
        yield told


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


def _texts(keys: Sequence[str], values: Values, every: Collection[str]) -> list[str]:
    texts = [_sampler(key, values) or _text(key, every, values) for key in keys]
    return list(dict.fromkeys(texts))


def _sampler(key: str, values: Values) -> str:
    """A sampler with its steps, ``DDIM 5``; empty where the key is no sampler's."""
    above, found, _ = key.rpartition(SAMPLER)
    kind = values.get(f"{above}{SAMPLER}kind")
    if not found or kind not in SAMPLERS or not key.endswith(("kind", "steps")):
        return ""
    return f"{SAMPLERS[kind]} {values.get(f'{above}{SAMPLER}steps', '')}".strip()


def _text(key: str, every: Collection[str], values: Values) -> str:
    """A setting with its value; ``no name`` where the row has no such setting."""
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
    """The end of a key by which it is no other's, in words."""
    parts = key.split(".")
    count = 2 if parts[-1] in OF_PARENT else 1
    while count < len(parts) and any(
        its != key and its.split(".")[-count:] == parts[-count:] for its in every
    ):
        count += 1
    return " ".join(parts[-count:]).replace("_", " ").removesuffix(" kind")


def _number(value: Any) -> Any:
    """A number as people write it, as far as no digit is lost."""
    if isinstance(value, float) and float(f"{value:g}") == value:
        return f"{value:g}"
    return f"{value:,}" if isinstance(value, int) and abs(value) >= 10_000 else value


def _plain(text: str) -> str:
    """A value that somebody wrote, fit for a table: the end of a path, no odd characters."""
    name = text.rstrip("/").rpartition("/")[2]
    return "".join(letter for letter in name if letter.isalnum() or letter in " .,+-_()")[:LONGEST]
