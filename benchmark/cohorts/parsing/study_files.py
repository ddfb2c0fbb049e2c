"""Shared by the readers of study downloads: find tables by columns and folders by name."""

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from longibench.benchmark.cohorts.parsing.dates import parse_date
from longibench.benchmark.cohorts.parsing.tables import SHEETS, Row, read_columns, read_records
from longibench.benchmark.cohorts.subject_ids import canonical_subject
from longibench.benchmark.core.errors import UserError

TEXT_TABLES = (".csv", ".tsv", ".txt")
SUBJECT = re.compile("sub-.+")
DEPTH = 3  # levels of folders that downloads add around the data
MISSING_CODES = ("-1", "-4", "-1.0", "-4.0")  # LONI's codes: confirmed missing, not applicable


def existing_folder(path: Path, what: str) -> Path:
    """The folder itself.

    Raises:
        UserError: There is none; ``what`` describes which one to give.
    """
    if not path.is_dir():
        raise UserError(f"{path}: no such folder; give {what}")
    return path


def find_folders(root: Path, name: re.Pattern[str], depth: int = DEPTH) -> Iterator[Path]:
    """Folders whose whole name matches a pattern, sorted by name.

    Args:
        root: Where to search.
        name: Pattern of the name; the content of a match is not searched.
        depth: How many levels to search; 1 searches only ``root`` itself.
    """
    for folder in subfolders(root):
        if name.fullmatch(folder.name):
            yield folder
        elif depth > 1:
            yield from find_folders(folder, name, depth - 1)


def subject_folders(root: Path, layout: str) -> dict[str, Path]:
    """Folders ``sub-*`` by canonical id.

    Args:
        root: The folder that holds them.
        layout: What it should be, for the error if there are none.

    Raises:
        UserError: There is none, or two are the same person.
    """
    subjects: dict[str, Path] = {}
    for folder in find_folders(root, SUBJECT, depth=1):
        subject = canonical_subject(folder.name)
        if subject in subjects:
            raise UserError(
                f"{root}: {subjects[subject].name} and {folder.name} are the same person "
                f"({subject}); keep one folder per person"
            )
        subjects[subject] = folder
    if not subjects:
        raise UserError(f"{root}: not {layout}: it contains no folder named sub-*")
    return subjects


def subfolders(folder: Path) -> list[Path]:
    """The folders directly in a folder, by name, without hidden ones."""
    return [Path(entry.path) for entry in _entries(folder) if entry.is_dir()]


def find_tables(root: Path, *columns: str, skip: re.Pattern[str] | None = None) -> list[Path]:
    """Tables in a study's folder or next to it that have certain columns, regardless of their name.

    Only headers are read. Excel sheets are opened if no text table matches.

    Args:
        root: The study's folder; files in it, in its subfolders and next to it are searched.
        columns: Names in the plain spelling (``tables.plain``) that are all required.
        skip: Pattern of the names of folders that hold scans, which are not entered.

    Returns:
        The tables, nearest to ``root`` first, then by name.
    """
    files = _tables_in(root, skip, DEPTH)
    if root.resolve().parent != root.resolve():
        files += _tables_in(root.resolve().parent, skip, 0)
    for suffixes in (TEXT_TABLES, SHEETS):
        found = [
            path
            for path in files
            if path.suffix.lower() in suffixes and set(columns) <= set(read_header(path))
        ]
        if found:
            return found
    return []


def read_header(path: Path) -> list[str]:
    """Names of a table's columns in the plain spelling; empty if it cannot be read."""
    try:
        return read_columns(path)
    except UserError:
        return []


def read_tables(paths: Iterable[Path], *columns: str) -> list[Row]:
    """Rows of tables that have certain columns, concatenated without duplicate rows."""
    rows: dict[tuple[tuple[str, str], ...], Row] = {}
    for path in paths:
        for row in read_records(path, *columns)[1]:
            rows.setdefault(tuple(row.items()), row)
    return list(rows.values())


def first_rows(rows: Iterable[Row], key: str) -> dict[str, Row]:
    """The first row of each value of a column."""
    first: dict[str, Row] = {}
    for row in rows:
        first.setdefault(row[key], row)
    return first


class NearestRows:
    """Rows of a table by subject and day, to find the one nearest to a scan."""

    def __init__(self, rows: Iterable[tuple[str, float, Row]]) -> None:
        """Args: subject, day and cells of each row."""
        self._rows: dict[str, list[tuple[float, Row]]] = defaultdict(list)
        for subject, day, row in rows:
            self._rows[subject].append((day, row))

    def near(self, subject: str, day: float, within: float) -> Row:
        """The subject's row nearest to a day, at most ``within`` days away; empty if there is none.

        Of two equally near rows the earlier one is taken.
        """
        rows = [
            (abs(other - day), other, number)
            for number, (other, _) in enumerate(self._rows.get(subject, []))
            if abs(other - day) <= within
        ]
        return self._rows[subject][min(rows)[2]][1] if rows else Row()


def day_of(text: str) -> float | None:
    """A date's ordinal in days; None if the text is empty, -1, -4 or no date."""
    try:
        return float(parse_date(text).toordinal())
    except ValueError:
        return None


def scan_in(leaf: Path) -> Path | None:
    """The image of a series' folder: its NIfTI file, else the folder itself if it contains DICOM.

    Of several NIfTI files the first by name is taken; None if there is neither.
    """
    files = [Path(entry.path) for entry in _entries(leaf) if entry.is_file()]
    for suffixes in ((".nii", ".nii.gz"), (".dcm", ".dicom", ".ima")):
        fitting = [path for path in files if path.name.lower().endswith(suffixes)]
        if fitting:
            return fitting[0] if suffixes[0] == ".nii" else leaf
    return None


def _tables_in(folder: Path, skip: re.Pattern[str] | None, depth: int) -> list[Path]:
    entries = _entries(folder)
    files = [
        Path(entry.path)
        for entry in entries
        if entry.name.lower().endswith((*TEXT_TABLES, *SHEETS)) and entry.is_file()
    ]
    if depth > 0:
        for entry in entries:
            if entry.is_dir() and not (skip and skip.fullmatch(entry.name)):
                files += _tables_in(Path(entry.path), skip, depth - 1)
    return files


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """Entries of a folder, by name, without hidden ones; empty if it cannot be read."""
    try:
        with os.scandir(folder) as found:
            shown = [entry for entry in found if not entry.name.startswith((".", "__MACOSX"))]
    except OSError:
        return []
    return sorted(shown, key=lambda entry: entry.name)
