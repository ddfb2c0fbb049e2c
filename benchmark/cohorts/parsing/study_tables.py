"""The tables of a study download, found by their columns, and what in its folder is not read."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from longibench.benchmark.cohorts.parsing.encodings import FOREIGN_TABLES
from longibench.benchmark.cohorts.parsing.tables import SHEETS, Row, parse_table, read_columns
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.found_files import files_in, folders_in, is_lost, why_absent

TEXT_TABLES = (".csv", ".tsv", ".txt")
ENDINGS = (*TEXT_TABLES, *SHEETS, *FOREIGN_TABLES)
TABLE = re.compile(rf".+({'|'.join(map(re.escape, ENDINGS))})(\.gz|\.zip)?", re.IGNORECASE)
DEPTH = 3  # levels of folders that downloads add around the data


class StudyTables:
    """Tables in a study's folder, up to three levels below it, or next to it, whatever their name.

    Each header is read once. A workbook beside a text table of its name is a copy, not opened.
    """

    def __init__(self, root: Path, skip: re.Pattern[str] | None = None) -> None:
        """Args: the study's folder, and the names of folders that hold scans, not entered."""
        self._lost: list[Path] = []
        parent = root.resolve().parent
        beside = files_in(parent, TABLE) if parent != root.resolve() else []
        self._files = [*self._below(root, skip, DEPTH), *beside]
        self._headers: dict[tuple[Path, tuple[str, ...]], list[str]] = {}
        self._missing: list[tuple[str, ...]] = []
        self._used: dict[Path, None] = {}
        self._problems: dict[Path, str] = {}
        self._remarks: dict[str, None] = {}

    def find(self, *columns: str) -> list[Path]:
        """Tables with columns (``tables.plain``), nearest to the study's folder first; or none."""
        found: list[Path] = []
        for path in sorted(self._files, key=_is_sheet):
            copy = _is_sheet(path) and any(path.stem == other.stem for other in found)
            if not copy and {*columns} <= {*self._header(path, columns)}:
                found.append(path)
        if not found:
            self._missing.append(columns)
        return found

    def rows(self, *columns: str, named: str = "") -> list[Row]:
        """Rows of the tables with some columns, without duplicate rows.

        Args:
            columns: Required columns.
            named: If a table's name begins so, only such tables are read.

        Raises:
            UserError: A table cannot be read.
        """
        found = self.find(*columns)
        found = [path for path in found if path.name.lower().startswith(named)] or found
        rows: dict[tuple[tuple[str, str], ...], Row] = {}
        for path in found:
            self._used[path] = None
            table = parse_table(path, columns)
            table.require(columns, path)
            self._remarks |= dict.fromkeys(table.notes)
            for row in table.rows:
                rows.setdefault(tuple(row.items()), row)
        return list(rows.values())

    def notes(self) -> tuple[str, ...]:
        """Which columns no table has, what is not read, and how tables were read if not plainly."""
        missing = [f"{text}: its covariates are not known" for text in self.missing()]
        return (*missing, *self.unread(), *self._remarks)

    def missing(self) -> list[str]:
        """Which columns no table has, with the unused tables that have some of them."""
        return [f"no table with the columns {self._sought(names)}" for names in self._missing]

    def unread(self) -> list[str]:
        """Tables that cannot be read, and folders that are links without a target."""
        unread = [f"{path.name} is not read: {text}" for path, text in self._problems.items()]
        lost = [f"{folder} is not read: {why_absent(folder)}" for folder in self._lost]
        return [*unread, *lost]

    def _sought(self, columns: tuple[str, ...]) -> str:
        """The columns, and the unused tables that have some of them."""
        texts = []
        for path in self._files:
            has = {*self._header(path, columns)} if path not in self._used else set()
            if has & {*columns}:
                texts.append(f"{path.name} lacks {', '.join(n for n in columns if n not in has)}")
        similar = f" ({'; '.join(texts[:3])})" if texts else ""
        return f"{', '.join(columns)}{similar}"

    def _header(self, path: Path, columns: tuple[str, ...]) -> list[str]:
        """Columns of a table; none if it cannot be read."""
        key = (path, columns if _is_sheet(path) else ())
        if key not in self._headers:
            self._headers[key], problem = header_or_problem(path, columns)
            if problem:
                self._problems[path] = problem
        return self._headers[key]

    def _below(self, folder: Path, skip: re.Pattern[str] | None, depth: int) -> Iterator[Path]:
        yield from files_in(folder, TABLE)
        for below in folders_in(folder, lost=True) if depth > 0 else ():
            if skip and skip.fullmatch(below.name):
                continue
            if is_lost(below):
                self._lost.append(below)
            else:
                yield from self._below(below, skip, depth - 1)


def in_another_form(path: Path, names: Iterable[str]) -> list[str]:
    """Names in a folder of a table that is not there under its own name, such as ``.xlsx``."""
    same = [name for name in names if name.lower().startswith(f"{path.stem.lower()}.")]
    return [] if path.name in same else [name for name in same if TABLE.fullmatch(name)]


def header_or_problem(path: Path, wanted: Iterable[str] = ()) -> tuple[list[str], str]:
    """Columns of a table in the plain spelling, or why it cannot be read.

    A text that is no table, such as a README, has neither.
    """
    if problem := why_absent(path):
        return [], problem
    try:
        return read_columns(path, {*wanted}), ""
    except UserError as error:
        prose = path.suffix.lower() == ".txt"
        return [], "" if prose else str(error).removeprefix(f"{path}: ")


def _is_sheet(path: Path) -> bool:
    return path.suffix.lower() in SHEETS
