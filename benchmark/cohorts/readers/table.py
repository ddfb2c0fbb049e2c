"""Reads any table of scans: one row per visit, columns and file names as set by the user."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from pydantic import Field

from longibench.benchmark.cohorts.parsing.covariates import Coding, covariate_columns
from longibench.benchmark.cohorts.parsing.dates import Unit
from longibench.benchmark.cohorts.parsing.path_templates import PathTemplate
from longibench.benchmark.cohorts.parsing.study_files import TEXT_TABLES, read_header
from longibench.benchmark.cohorts.parsing.tables import (
    SHEETS,
    Row,
    plain,
    read_records,
    text_of,
)
from longibench.benchmark.cohorts.parsing.visit_times import Clock, age_unit, find_clock
from longibench.benchmark.cohorts.reader import (
    NOT_ON_DISK,
    FoundScan,
    LeftOut,
    Listing,
    Reader,
    ReaderSettings,
)
from longibench.benchmark.cohorts.subject_ids import canonical_subject
from longibench.benchmark.core.errors import UserError, unknown
from longibench.benchmark.core.found_files import why_absent
from longibench.benchmark.settings.limits import MOST_DAYS
from longibench.benchmark.settings.preparation import Step

KEY = "readers.table"  # section of the settings
SPELLINGS = {
    "subject": ("subject", "subject_id", "participant_id", "ptid", "patient_id", "id"),
    "visit": ("visit", "visit_id", "session", "session_id", "viscode", "timepoint"),
    "path": (
        *("path", "image_path", "file_path", "filepath", "t1w_path", "t1_path"),
        *("file", "filename", "image_file", "image", "t1w", "nifti"),
    ),
}
NO_SUBJECT, NO_TIME, NO_PATH = "a row without a subject", "no time for its visit", "no file named"


class TableSettings(ReaderSettings):
    """The meaning of columns; those not given are found by their common spellings.

    Attributes:
        subject: Column of the subject.
        visit: Column of the visit's label; without one the time is the label.
        path: Column of the file, or a template such as ``{PTID}/visit_{Month:03d}_MRI.nii``.
        root: Folder to which files are relative; by default that of the table.
        labels: Column or template of a label map of each scan (SynthSeg, FreeSurfer), from which
            tissue volumes are counted; empty for none. It has the scan's world coordinates.
        time: Column of the time.
        unit: Its unit: date, days, months, years (each on any clock of the subject), age.
        age_unit: Years in one unit of age: 100 if ages are written as 0.71.
        covariates: Columns by covariate; an empty one omits the covariate.
        codes: Meaning of numbers, by covariate, such as ``sex: 0=M,1=F``.
        done: Steps of preparation that were already applied to the scans.
        space: ``MNI152`` if they are in the template's world coordinates.
        shareable: Whether images of the participants may leave the machine.
    """

    subject: str = ""
    visit: str = ""
    path: str = ""
    root: str = ""
    labels: str = ""
    time: str = ""
    unit: Unit | Literal[""] = ""
    age_unit: float | None = Field(None, gt=0, le=MOST_DAYS)
    covariates: dict[str, str | None] = Field(default_factory=dict)
    codes: dict[str, str] = Field(default_factory=dict)
    done: tuple[Step, ...] = ()
    space: Literal["", "MNI152"] = ""
    shareable: bool = False


@dataclass(frozen=True)
class Layout:
    """How a table's rows are read.

    Attributes:
        name: The table, as messages name it.
        root: Absolute path of the folder to which files are relative.
        subject: Column of the subject.
        visit: Column of the visit's label.
        path: Makes the file's name from a row.
        labels: Makes the label map's name; None if there are none.
        clock: Reads the time.
        coding: Reads the covariates.
    """

    name: str
    root: str
    subject: str
    visit: str
    path: PathTemplate
    labels: PathTemplate | None
    clock: Clock
    coding: Coding


class Table(Reader, name="table"):
    """A CSV, TSV or Excel file with one row per visit."""

    summary = "a CSV, TSV or Excel table, one row per visit; settings map its columns"
    Settings = TableSettings

    @classmethod
    def recognises(cls, path: Path) -> str:
        """By the file's extension and a header line."""
        is_table = path.suffix.lower() in (*TEXT_TABLES, *SHEETS)
        return "it is a table" if is_table and read_header(path) else ""

    def read(self, path: Path) -> Listing:
        """List the files of all rows.

        Raises:
            UserError: No such file, a column that is missing or not recognised, or a row that
                contradicts itself.
        """
        if problem := why_absent(path) or ("it is a folder" if path.is_dir() else ""):
            raise UserError(f"{path}: {problem}; give a table: table:FILE")
        columns, rows = read_records(path)
        if not rows:
            raise UserError(f"{path}: it has no rows")
        layout = self._layout(path, columns, rows)
        entries = list(_entries(rows, layout))
        clock = layout.clock
        return Listing(
            [entry for entry in entries if isinstance(entry, FoundScan)],
            [entry for entry in entries if isinstance(entry, LeftOut)],
            frozenset(self.settings.done),
            space=self.settings.space,
            shareable=self.settings.shareable,
            notes=(f"{path.name}: time from its column {clock.column}, read as {clock.unit}",),
        )

    def _layout(self, path: Path, columns: list[str], rows: list[Row]) -> Layout:
        own = self.settings
        subject = _column("subject", own.subject, columns, path)
        visit = _column("visit", own.visit, columns, path, needed=False)
        clock = find_clock(own.time, own.unit, rows, path, KEY)
        covariates = covariate_columns(columns, own.covariates, str(path), f"{KEY}.covariates")
        ages = {covariates["age"]} if "age" in covariates else set()
        ages |= {clock.column} if clock.unit == "age" else set()
        years = age_unit(own.age_unit, ages, rows, f"{path}, {KEY}.age_unit")
        template = own.path if "{" in own.path else ""
        template = template or "{" + _column("path", own.path, columns, path) + "}"
        aliases = {"subject": subject, **({"visit": visit} if visit else {})}
        return Layout(
            str(path),
            os.path.abspath(path.parent / Path(os.path.expanduser(own.root))),
            subject,
            visit or clock.column,
            PathTemplate(template, columns, aliases, f"{KEY}.path"),
            _labels(own.labels, columns, aliases, path),
            replace(clock, age_unit=years),
            Coding(covariates, own.codes, KEY, years),
        )


def _entries(rows: list[Row], layout: Layout) -> Iterator[FoundScan | LeftOut]:
    for number, row in enumerate(rows, 2):
        where = f"{layout.name}, row {number}"
        cell = text_of(row[layout.subject])
        subject = canonical_subject(cell or "")
        visit = row[layout.visit] or row[layout.clock.column]
        name = layout.path.fill(row, where)
        days = layout.clock.days(row, where)
        if cell is None or days is None or name is None:
            reason = NO_SUBJECT if cell is None else NO_TIME if days is None else NO_PATH
            yield LeftOut(subject, visit, reason, where)
            continue
        file = _located(layout, name)
        if problem := why_absent(file):
            yield LeftOut(subject, visit, NOT_ON_DISK, f"{where}: {file}: {problem}")
            continue
        covariates = layout.coding.read(row, where)
        labels = _label_map(layout, row, where)
        yield FoundScan(subject, visit, Path(file), days, (number,), covariates, labels)


def _located(layout: Layout, name: str) -> str:
    """A file's normalised path, so that one file has one path; text is made faster than a Path."""
    return os.path.normpath(os.path.join(layout.root, os.path.expanduser(name)))


def _labels(
    given: str, columns: list[str], aliases: dict[str, str], path: Path
) -> PathTemplate | None:
    if not given:
        return None
    template = given if "{" in given else "{" + _column("labels", given, columns, path) + "}"
    return PathTemplate(template, columns, aliases, f"{KEY}.labels")


def _label_map(layout: Layout, row: Row, where: str) -> Path | None:
    name = layout.labels.fill(row, where) if layout.labels else None
    if name is None:
        return None
    file = _located(layout, name)
    if problem := why_absent(file):
        raise UserError(f"{where}: label map {file}: {problem}; empty the cell if there is none")
    return Path(file)


def _column(role: str, given: str, columns: list[str], path: Path, needed: bool = True) -> str:
    """The column of a role, set by the user or found by spelling; empty if it is optional."""
    if given:
        if plain(given) not in columns:
            raise unknown(f"column of {KEY}.{role} in {path}", given, columns)
        return plain(given)
    found = next((name for name in SPELLINGS[role] if name in columns), "")
    if needed and not found:
        raise UserError(
            f"{path}: no column for the {role} was found. Set {KEY}.{role}; "
            f"it has {', '.join(columns)}"
        )
    return found
