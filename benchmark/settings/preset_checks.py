"""What a preset may not do: read the environment, compute values, multiply them beyond any use."""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from longibench.benchmark.core.errors import UserError, shortened

MOST_VALUES = 100_000  # with aliases of aliases, a short file can be gigabytes of values
ESCAPED = re.compile(r"(?<!\\)(?:\\\\)*\\\$\{")  # literal text for OmegaConf
REFERENCE = re.compile(r"\$\{\s*[\w.\[\]-]+\s*\}")  # to another value: ${grid.spacing_mm}


def refuse_computed(values: Any, where: str) -> None:
    """Refuse values that one of OmegaConf's resolvers would compute.

    A preset may be someone else's, and settings are recorded and shown in reports: with
    ``${oc.env:NAME}`` a file would publish what is in the user's environment.

    Args:
        values: Nested values before interpolation.
        where: The file or option to name in errors.

    Raises:
        UserError: Names the key of the first of these values.
    """
    for key, text in _texts(values):
        if _is_computed(text):
            raise UserError(
                f"{where}: '{key}' is {shortened(text)}, but settings are recorded and shown in "
                "reports, so they take nothing from the environment and compute nothing: write "
                f'the value itself, or remove it and let the shell insert it, --set {key}="$NAME"'
            )


def refuse_multiplied(text: str, where: str) -> None:
    """Refuse a YAML text whose aliases (``*NAME``) make far more values than are written.

    Args:
        text: Content of the file.
        where: The file to name in errors.

    Raises:
        UserError: More than ``MOST_VALUES``, or a value that contains itself.
        yaml.YAMLError: It is not YAML.
    """
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    if node is not None and _count(node, {}) > MOST_VALUES:
        raise UserError(
            f"{where}: its aliases (*NAME) make more than {MOST_VALUES:,} values; write it without "
            "aliases of aliases"
        )


def _texts(values: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Every text of nested values with its full key; those of a list have the list's."""
    if isinstance(values, str):
        yield key, values
    elif isinstance(values, list):
        for value in values:
            yield from _texts(value, key)
    elif isinstance(values, Mapping):
        for name, value in values.items():
            yield from _texts(value, f"{key}.{name}" if key else str(name))


def _is_computed(text: str) -> bool:
    """Whether there is any interpolation that is not a reference to another value."""
    rest, before = ESCAPED.sub("", text), ""
    while rest != before:  # a reference may contain another one: ${methods.${name}}
        rest, before = REFERENCE.sub("x", rest), rest
    return "${" in rest


def _count(node: yaml.Node, known: dict[int, float]) -> float:
    """Values in a node, those of its aliases included; infinite if it contains itself."""
    if id(node) not in known:
        known[id(node)] = math.inf
        known[id(node)] = 1 + sum(_count(part, known) for part in _parts(node))
    return known[id(node)]


def _parts(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for item in node.value for part in item]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []
