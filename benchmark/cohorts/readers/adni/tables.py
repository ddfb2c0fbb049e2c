"""Finds the tables next to a download and identifies them by their columns."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Literal

from longibench.benchmark.cohorts.parsing.study_tables import TABLE, header_or_problem
from longibench.benchmark.cohorts.parsing.tables import Row, plain, read_lines
from longibench.benchmark.core.found_files import files_in, is_lost, why_absent

Kind = Literal["listing", "merge", "diagnoses", "meta", "image quality", "series quality"]

LISTED_IMAGE = ("imagedataid", "imageid")  # columns of an image's id; the first one present is used
STUDY_IMAGE = ("imageuid", "imageid")
STUDY_COLUMNS = ("imagedescription", "imagetype")  # of [PREFIX]_All_Images_[DATE].csv (since 2024)
PERSON = ("ptid", "subject", "subjectid", "rid")
SHEET = {  # columns that decide which sheet of a workbook is read, in the plain spelling
    *("image_data_id", "image_id", "imageuid", "ptid", "subject", "subject_id", "rid", "viscode"),
    *("examdate", "dx_bl", "diagnosis", "loni_uid", "loni_image"),
}
STAMP = re.compile(r"(\d{1,2}[A-Za-z]{3}\d{4})")


def find_tables(folders: Iterable[Path]) -> dict[Kind, list[Path]]:
    """Find the tables that are used, by their columns: names change from year to year.

    Args:
        folders: Folders to search, without subfolders.
    """
    found: dict[Kind, list[Path]] = defaultdict(list)
    for path in files_around(folders):
        header, _ = header_or_problem(path, SHEET)
        kind = kind_of(frozenset(map(squeezed, header)))
        if kind:
            found[kind].append(path)
    return found


def files_around(folders: Iterable[Path]) -> list[Path]:
    """All tables directly in the folders."""
    return sorted({path for folder in folders for path in files_in(folder, TABLE)})


def notes_on_unread(folders: Iterable[Path]) -> tuple[str, ...]:
    """A note for each table that cannot be read, and for each folder that is a lost link."""
    unread = {path: header_or_problem(path, SHEET)[1] for path in files_around(folders)}
    unread |= {folder: why_absent(folder) for folder in folders if is_lost(folder)}
    return tuple(
        f"{path.name} is not read: {problem}" for path, problem in unread.items() if problem
    )


def kind_of(names: frozenset[str]) -> Kind | None:
    """The kind of a table with these columns (``squeezed``); None for one that is not used."""
    person = not names.isdisjoint(PERSON)
    if {"ptid", "viscode", "examdate", "dxbl"} <= names:
        return "merge"
    if person and "imageid" in names and not names.isdisjoint(STUDY_COLUMNS):
        return "meta"
    if person and not names.isdisjoint(LISTED_IMAGE):
        return "listing"
    if {"loniuid", "pass"} <= names:
        return "series quality"
    if "loniimage" in names and not names.isdisjoint({"seriesselected", "seriesquality"}):
        return "image quality"
    if person and {"diagnosis", "examdate"} <= names:
        return "diagnoses"
    return "meta" if person and {"imageuid", "magstrength"} <= names else None


def rows_of(path: Path, columns: Iterable[str]) -> Iterator[tuple[int, Row]]:
    """The rows of a table as text: the row's number, and its cells.

    Args:
        path: The table.
        columns: The required ones, ``squeezed``; columns that the table lacks are ignored.

    Raises:
        UserError: The file cannot be read.
    """
    header, lines = read_lines(path, SHEET)
    places = {squeezed(name): place for place, name in reversed(list(enumerate(header)))}
    wanted = {name: places[name] for name in columns if name in places}
    for line in lines:
        named = ((name, line.cells[place].strip()) for name, place in wanted.items())
        yield line.number, Row(named, f"{path}, row {line.number}")


def squeezed(name: str) -> str:
    """A column's name without case, spaces and signs: ``Image Data ID`` is imagedataid."""
    return plain(name).replace("_", "")


def newest(paths: list[Path]) -> Path:
    """The version of a table with the latest date in its name.

    Tables named ADNIMERGE are preferred: TADPOLE's have the same columns.
    """
    return max(paths, key=lambda path: (is_merge_name(path), _stamp(path), path.name))


def is_merge_name(path: Path) -> bool:
    """Whether a table is named ADNIMERGE."""
    return "adnimerge" in path.name.lower()


def _stamp(path: Path) -> datetime:
    match = STAMP.search(path.stem)
    try:
        return datetime.strptime(match[1], "%d%b%Y") if match else datetime.min
    except ValueError:
        return datetime.min
