"""Which column of a table has which role: as set by the user, by its name, or by its cells."""

import re
from collections.abc import Sequence

from longibench.benchmark.cohorts.parsing.dates import Unit, fitting_styles, parse_date
from longibench.benchmark.cohorts.parsing.grids import plain
from longibench.benchmark.cohorts.parsing.numbers import parse_number
from longibench.benchmark.cohorts.parsing.problems import Problems, option
from longibench.benchmark.cohorts.parsing.tables import Row, Table, text_of
from longibench.benchmark.cohorts.subject_ids import canonical_subject
from longibench.benchmark.core.errors import unknown

SPELLINGS = {
    "subject": ("subject", "subject_id", "participant_id", "ptid", "patient_id", "id"),
    "visit": ("visit", "visit_id", "session", "session_id", "viscode", "timepoint"),
    "path": (
        *("path", "image_path", "file_path", "filepath", "t1w_path", "t1_path"),
        *("file", "filename", "image_file", "image", "t1w", "nifti"),
    ),
}
SAMPLE = 200  # rows whose cells decide what a column may be
FILE = re.compile(
    r".*(?:[/\\]|\.(?:nii|mgz|mgh|dcm|ima|img|hdr|nrrd|mnc)(?:\.gz)?$)", re.IGNORECASE
)
PERSON = re.compile(
    r"id$|^id|subj|patient|partic|proband|person|sujet|pazient|pacien|code|rid|case"
)
BIRTH = re.compile(r"birth|dob|geb|naiss|nasc|nacim")
UNITS: dict[Unit, re.Pattern[str]] = {  # parts of names, in some languages
    "age": re.compile(r"^age|_age|alter$|^alter|edad|eta$"),
    "days": re.compile(r"day|tage|jour|dias"),
    "months": re.compile(r"month|monat|mois|mes(es)?$"),
    "years": re.compile(r"year|jahr|annee|anos?$|anni"),
}


def find_column(
    role: str, given: str, table: Table, problems: Problems, key: str, needed: bool = True
) -> str:
    """The column of a role.

    Args:
        role: A key of ``SPELLINGS``.
        given: Set by the user; empty to search by common spellings.
        table: The table.
        problems: Where a missing column is reported, with the candidates.
        key: Section of the settings.
        needed: False for a role that may be missing.

    Returns:
        The column; if none was set or recognised, the first candidate by its cells, else empty.
    """
    if given:
        with problems.gathered():
            if plain(given) not in table.columns:
                raise unknown(f"column of {key}.{role}", given, table.columns)
        return plain(given) if plain(given) in table.columns else ""
    found = next((name for name in SPELLINGS[role] if name in table.columns), "")
    if found and role == "subject":
        _refuse_row_numbers(found, table, problems, key)
    if found or not needed:
        return found
    likely = _people(table) if role == "subject" else _files(table)
    others = f" (or {', '.join(likely[1:4])})" if len(likely) > 1 else ""
    problems.add(
        f"no column for the {role} was found. Set {key}.{role}",
        option(f"{key}.{role}", likely[0] if likely else "COLUMN") + others,
    )
    return likely[0] if likely else ""


def time_candidate(table: Table) -> tuple[str, Unit | None]:
    """A column that may be the visits' time, and its unit if the cells or the name show it."""
    dated = []
    for place, name in enumerate(table.columns):
        cells = cells_of(table.rows, name)
        if cells and sum(map(_is_date, cells)) * 2 > len(cells) and not BIRTH.search(name):
            dated.append((-len({*cells}), place, name))
    if dated:
        return min(dated)[-1], "date"
    for unit, pattern in UNITS.items():
        for name in table.columns:
            cells = cells_of(table.rows, name)
            if pattern.search(name) and any(parse_number(cell) is not None for cell in cells):
                return name, unit
    return "", None


def _refuse_row_numbers(column: str, table: Table, problems: Problems, key: str) -> None:
    """Report a column whose ids differ in all rows, beside one of persons with several rows."""
    cells = [canonical_subject(row[column]) for row in table.rows if text_of(row[column])]
    if len({*cells}) < len(cells):
        return
    others = [
        name
        for name in _people(table)
        if PERSON.search(name) and len({*(ids := cells_of(table.rows, name))}) < len(ids)
    ]
    if others:
        problems.add(
            f"column {column} has another subject in each row, so that nobody has two scans",
            option(f"{key}.subject", others[0]),
        )


def _people(table: Table) -> list[str]:
    """Columns whose cells may be ids: values recur, and are neither files nor dates."""
    likely = []
    for place, name in enumerate(table.columns):
        cells = cells_of(table.rows, name)
        several = len({*cells}) < max(len(cells), 3)
        if several and not any(FILE.match(cell) or _is_date(cell) for cell in cells):
            likely.append((not PERSON.search(name), -len({*cells}), place, name))
    return [name for *_, name in sorted(likely)]


def _files(table: Table) -> list[str]:
    shares = []
    for place, name in enumerate(table.columns):
        cells = cells_of(table.rows, name)
        files = sum(bool(FILE.match(cell)) and not _is_date(cell) for cell in cells)
        if files * 2 > len(cells):
            shares.append((-files, place, name))
    return [name for *_, name in sorted(shares)]


def cells_of(rows: Sequence[Row], name: str) -> list[str]:
    """The cells of a column that are not empty, of the first rows."""
    cells = (text_of(row[name]) for row in rows[:SAMPLE])
    return [cell for cell in cells if cell is not None]


def _is_date(cell: str) -> bool:
    try:
        parse_date(cell)
    except ValueError:
        return bool(fitting_styles([cell]))
    return True
