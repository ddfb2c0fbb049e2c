"""Shared by the readers of study downloads: folders by name, rows by day, images of a series."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Set
from pathlib import Path

from longibench.benchmark.cohorts.parsing.dates import parse_date
from longibench.benchmark.cohorts.parsing.repeated_rows import RepeatedRows
from longibench.benchmark.cohorts.parsing.study_tables import DEPTH
from longibench.benchmark.cohorts.parsing.tables import Row, text_of
from longibench.benchmark.cohorts.subject_ids import canonical_subject
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.found_files import files_in, folders_in, why_absent

NIFTI = re.compile(r".+\.nii(\.gz)?", re.IGNORECASE | re.DOTALL)
DICOM = re.compile(r".+\.(dcm|dicom|ima)", re.IGNORECASE)
SUBJECT = re.compile("sub-.+", re.DOTALL)  # a line break too: it is refused by name
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
    """The folders directly in a folder, by name, not hidden; also links without a target."""
    return folders_in(folder, lost=True)


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
    """Rows of tables by subject and day, to find the value nearest to a scan."""

    def __init__(self, rows: Iterable[tuple[str, float, Row]], repeated: RepeatedRows) -> None:
        """Args: subject, day and cells of each row; and what is done if rows of a day differ."""
        self._rows: dict[str, list[tuple[float, Row]]] = defaultdict(list)
        self._repeated = repeated
        for subject, day, row in rows:
            self._rows[subject].append((day, row))

    def __bool__(self) -> bool:
        return bool(self._rows)

    def subjects(self) -> Set[str]:
        """The subjects of whom there is a row."""
        return self._rows.keys()

    def near(self, subject: str, day: float, within: float, column: str) -> Row:
        """The row with a value in a column that is nearest to a day, at most ``within`` days away.

        Of two equally near days the earlier one is taken. Empty if there is none, or if rows of
        one day contradict each other.
        """
        days: dict[tuple[float, float], list[Row]] = defaultdict(list)
        for other, row in self._rows.get(subject, []):
            if abs(other - day) <= within and text_of(row.get(column), self._repeated.missing):
                days[abs(other - day), other].append(row)
        return self._repeated.agreeing(days[min(days)], column) if days else Row()


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
