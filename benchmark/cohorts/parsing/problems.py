"""Collects what is wrong with a table, so that one error lists all of it."""

import json
import re
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from longibench.benchmark.cohorts.parsing.tables import Table
from longibench.benchmark.core.errors import ListedError, UserError, shortened

PLAIN = re.compile(r"(?!(?:null|true|false)$)[A-Za-z_][\w.-]*", re.ASCII | re.IGNORECASE)
SHOWN = 3  # cells or rows that a problem lists


class Problems:
    """What is missing or unclear in a table, and what is reported beside it."""

    def __init__(self, path: Path, table: Table) -> None:
        """Args: the table."""
        self._path, self._table = path, table
        self._found: dict[str, str] = {}
        self._remarks: list[str] = []

    def __bool__(self) -> bool:
        return bool(self._found)

    def add(self, problem: str, remedy: str = "") -> None:
        """Add a problem, and the option that solves it."""
        self._found.setdefault(problem, remedy)

    def remark(self, text: str) -> None:
        """Add what is no problem by itself, but may explain one."""
        self._remarks.append(text)

    @contextmanager
    def gathered(self) -> Iterator[None]:
        """Add the error that the code inside raises."""
        try:
            yield
        except UserError as error:
            self.add(str(error).removeprefix(f"{self._path}, ").removeprefix(f"{self._path}: "))

    def require_none(self) -> None:
        """Raise all problems as one error.

        Raises:
            UserError: With each problem; with the columns and the remarks if there are several.
        """
        columns = shortened(", ".join(self._table.columns))
        found = [f"{text}{remedy and f': {remedy}'}" for text, remedy in self._found.items()]
        if len(found) == 1 and not self._remarks:
            ((text, remedy),) = self._found.items()
            raise UserError(f"{self._path}: {text}{remedy and f'; it has {columns}: {remedy}'}")
        if found:
            what = f"{self._path}: {len(found)} things to set or to correct; it has {columns}"
            raise ListedError(what, found, self._remarks)


def option(key: str, value: str) -> str:
    """A setting as the command line takes it; quoted if the shell or YAML needs that."""
    text = value if PLAIN.fullmatch(value) else json.dumps(value, ensure_ascii=False)
    return f"--set {shlex.quote(f'{key}={text}')}"


def listed(texts: Sequence[str], most: int = SHOWN) -> str:
    """The first of some texts, and how many more there are."""
    more = len(texts) - most
    return ", ".join(texts[:most]) + (f" and {more} more" if more > 0 else "")
