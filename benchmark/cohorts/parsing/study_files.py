"""Shared by the readers of study downloads: find tables by columns and folders by name."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Set
from pathlib import Path

from longibench.benchmark.cohorts.parsing.dates import parse_date
from longibench.benchmark.cohorts.parsing.tables import SHEETS, Row, read_columns, read_records
from longibench.benchmark.cohorts.subject_ids import canonical_subject
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.found_files import files_in, folders_in, why_absent

TEXT_TABLES = (".csv", ".tsv", ".txt")
TABLE = re.compile(rf".+({'|'.join(map(re.escape, (*TEXT_TABLES, *SHEETS)))})", re.IGNORECASE)
NIFTI = re.compile(r".+\.nii(\.gz)?", re.IGNORECASE)
DICOM = re.compile(r".+\.(dcm|dicom|ima)", re.IGNORECASE)
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
    """Folders whose whole name matches a pattern, sorted by name; also links without a target.

    Args:
        root: Where to search.
        name: Pattern of the name; the content of a match is not searched.
        depth: How many levels to search; 1 searches only ``root`` itself.
    """
    for folder in folders_in(root, lost=True):
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
    return folders_in(folder)


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
    files = _tables_around(root, skip)
    for suffixes in (TEXT_TABLES, SHEETS):
        found = [
            path
            for path in files
            if path.suffix.lower() in suffixes and set(columns) <= set(read_header(path))
        ]
        if found:
            return found
    return []


def tables_not_on_disk(root: Path, skip: re.Pattern[str] | None = None) -> tuple[str, ...]:
    """Notes on the tables that ``find_tables`` cannot read because their content is elsewhere."""
    return notes_on_absent(_tables_around(root, skip))


def notes_on_absent(tables: Iterable[Path]) -> tuple[str, ...]:
    """A note for each table without content on disk, with the remedy."""
    problems = {path.name: problem for path in tables if (problem := why_absent(path))}
    return tuple(f"{name} is not read: {problem}" for name, problem in problems.items())


def read_header(path: Path) -> list[str]:
    """Names of a table's columns in the plain spelling; empty if it cannot be read."""
    if why_absent(path):
        return []
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


def no_table(columns: Iterable[str]) -> str:
    """A note that a study's table was not found."""
    return f"no table with the columns {', '.join(columns)}: its covariates are not known"


def without_row(table: str, listed: Iterable[object], people: Set[object]) -> tuple[str, ...]:
    """A note on the people of whom a table has no row; none if it is empty or has them all."""
    known = set(listed)
    missing = len(people - known) if known else 0
    if not missing:
        return ()
    return (
        f"the table with {table} has no row of {missing} of {len(people)} participants: "
        "their covariates are not known",
    )


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

    Of several NIfTI files the first by name is taken, of those with content on disk; None if there
    is neither.
    """
    candidates = [(path, path) for path in files_in(leaf, NIFTI)]
    candidates += [(path, leaf) for path in files_in(leaf, DICOM)[:1]]
    present = (scan for file, scan in candidates if not why_absent(file))
    return next(present, candidates[0][1] if candidates else None)


def _tables_around(root: Path, skip: re.Pattern[str] | None) -> list[Path]:
    """All tables in a study's folder, then those next to it."""
    parent = root.resolve().parent
    beside = files_in(parent, TABLE) if parent != root.resolve() else []
    return [*_tables_in(root, skip, DEPTH), *beside]


def _tables_in(folder: Path, skip: re.Pattern[str] | None, depth: int) -> list[Path]:
    files = files_in(folder, TABLE)
    if depth > 0:
        for below in folders_in(folder):
            if not (skip and skip.fullmatch(below.name)):
                files += _tables_in(below, skip, depth - 1)
    return files
