"""Reads any table of scans: one row per visit, columns and file names as set by the user."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from longibench.benchmark.cohorts.parsing import tables as parsing
from longibench.benchmark.cohorts.parsing.clock_choice import first_plausible, is_implausible
from longibench.benchmark.cohorts.parsing.column_roles import SPELLINGS, find_column
from longibench.benchmark.cohorts.parsing.covariate_columns import (
    covariate_candidates,
    covariate_columns,
)
from longibench.benchmark.cohorts.parsing.covariates import Coding
from longibench.benchmark.cohorts.parsing.dates import TIME_COLUMNS, Unit, checked_style
from longibench.benchmark.cohorts.parsing.encodings import FOREIGN
from longibench.benchmark.cohorts.parsing.grids import plain
from longibench.benchmark.cohorts.parsing.listed_files import check_files, located, remark_rows
from longibench.benchmark.cohorts.parsing.path_templates import PathTemplate
from longibench.benchmark.cohorts.parsing.problems import Problems
from longibench.benchmark.cohorts.parsing.row_ids import unify_ids
from longibench.benchmark.cohorts.parsing.study_tables import TEXT_TABLES
from longibench.benchmark.cohorts.parsing.tables import SHEETS, Row, parse_table, text_of
from longibench.benchmark.cohorts.parsing.visit_times import (
    Clock,
    age_unit,
    clocks_by_name,
    find_clock,
)
from longibench.benchmark.cohorts.reader import (
    NOT_ON_DISK,
    FoundScan,
    LeftOut,
    Listing,
    Reader,
    ReaderSettings,
)
from longibench.benchmark.cohorts.subject_ids import canonical_subject, shown_visit
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.found_files import why_absent
from longibench.benchmark.settings.limits import MOST_DAYS
from longibench.benchmark.settings.preparation import Step

KEY = "readers.table"  # section of the settings
WANTED = {name for names in (*SPELLINGS.values(), *TIME_COLUMNS.values()) for name in names}
TABLES = (*TEXT_TABLES, *SHEETS, *FOREIGN, *(f"{ending}.gz" for ending in TEXT_TABLES))
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
        date_format: Format of its dates in the signs of ``strptime``, such as ``%d.%m.%Y``; empty
            for 2011-05-03, 5/3/2011 (month first), 20110503, 3-May-2011 and May 3, 2011.
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
    date_format: Annotated[str, AfterValidator(checked_style)] = ""
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
        root: Absolute path of the folder to which files are relative.
        subject: Column of the subject.
        visit: Column of the visit's label.
        path: Makes the file's name from a row.
        labels: Makes the label map's name; None if there are none.
        clock: Reads the time.
        coding: Reads the covariates.
        notes: Which columns of times and which settings are not used, and why.
    """

    root: str
    subject: str
    visit: str
    path: PathTemplate
    labels: PathTemplate | None
    clock: Clock
    coding: Coding
    notes: tuple[str, ...]


class Table(Reader, name="table"):
    """A CSV, TSV or Excel file with one row per visit."""

    summary = "a CSV, TSV or Excel table, one row per visit; settings map its columns"
    Settings = TableSettings

    @classmethod
    def recognises(cls, path: Path) -> str:
        """By the file's extension."""
        return "it is a table" if path.name.lower().endswith(TABLES) else ""

    def read(self, path: Path) -> Listing:
        """List the files of all rows.

        Raises:
            UserError: No such file, or everything in it that is missing, not recognised or
                contradicts itself.
        """
        if problem := why_absent(path) or ("it is a folder" if path.is_dir() else ""):
            raise UserError(f"{path}: {problem}; give a table: table:FILE")
        given = (self.settings.subject, self.settings.time, self.settings.path)
        table = parse_table(path, {*WANTED, *map(plain, given)})
        if not table.rows:
            raise UserError(f"{path}: it has no rows")
        layout = self._layout(path, table)
        entries = list(_entries(table.rows, layout))
        time = layout.clock.note(table.rows, KEY)
        return Listing(
            [entry for entry in entries if isinstance(entry, FoundScan)],
            [entry for entry in entries if isinstance(entry, LeftOut)],
            frozenset(self.settings.done),
            space=self.settings.space,
            shareable=self.settings.shareable,
            notes=(
                *(f"{path.name}: {text}" for text in (time, *layout.notes)),
                *table.notes,
                *layout.coding.unread.notes(),
            ),
        )

    def _layout(self, path: Path, table: parsing.Table) -> Layout:
        """The meaning of the columns.

        Raises:
            UserError: With all that is missing or unclear.
        """
        own, problems = self.settings, Problems(path, table)
        subject = find_column("subject", own.subject, table, problems, KEY)
        visit = find_column("visit", own.visit, table, problems, KEY, needed=False)
        aliases = {"subject": subject, **({"visit": visit} if visit else {})}
        template = _template("path", own.path, table, aliases, problems)
        labels = _template("labels", own.labels, table, aliases, problems) if own.labels else None
        unit: Unit | Literal[""] = own.unit or ("date" if own.date_format else "")
        clock, passed = self._clock(table, unit, subject, problems)
        coding, clock = self._coding(table, clock, problems)
        used = {subject, visit, clock.column if clock else "", *(coding.columns if coding else ())}
        used |= template.columns if template else set()
        for name in sorted(used & table.repeated):
            problems.add(f"two columns {name} differ; rename or remove one of them")
        if subject:
            unify_ids(table.rows, subject, problems)
        root = os.path.abspath(path.parent / Path(os.path.expanduser(own.root)))
        if template:
            check_files(table.rows, template, root, problems, KEY)
        if problems:
            needed = {"subject": subject, "time": clock.column if clock else ""}
            remark_rows(table.rows, needed, problems)
            if more := covariate_candidates(table, used, KEY):
                problems.remark(f"covariates that may be in it: {more}")
        problems.require_none()
        assert clock is not None  # else there were problems
        assert coding is not None
        assert template is not None
        visit = visit or clock.column
        passed += coding.unused(own.age_unit is not None and clock.unit != "age")
        return Layout(root, subject, visit, template, labels, clock, coding, tuple(passed))

    def _clock(
        self, table: parsing.Table, unit: Unit | Literal[""], subject: str, problems: Problems
    ) -> tuple[Clock | None, list[str]]:
        """The clock, and notes on the columns of times that were passed over."""
        own = self.settings
        passed: list[str] = []
        clock: Clock | None
        if named := [] if own.time else clocks_by_name(unit, own.date_format, table):
            clock, passed = first_plausible(named, table.rows, subject)
        elif clock := find_clock(own.time, unit, table, problems, KEY):
            clock = replace(clock, style=own.date_format)
            if own.time and is_implausible(clock, table.rows, subject):
                problems.add(
                    f"column {clock.column} ({KEY}.time): no subject has different times that can "
                    "be true; set another column of times"
                )
        if clock:
            clock.check(table.rows, problems, KEY)
        return clock, passed

    def _coding(
        self, table: parsing.Table, clock: Clock | None, problems: Problems
    ) -> tuple[Coding | None, Clock | None]:
        """The covariates' coding, and the clock with the unit of ages."""
        own, coding = self.settings, None
        with problems.gathered():
            columns = covariate_columns(table.columns, own.covariates, f"{KEY}.covariates")
            ages = {columns["age"]} if "age" in columns else set()
            ages |= {clock.column} if clock and clock.unit == "age" else set()
            years = age_unit(own.age_unit, ages, table.rows, f"{KEY}.age_unit")
            clock = replace(clock, age_unit=years) if clock else None
            coding = Coding(columns, own.codes, KEY, years)
            coding.check(table.rows, problems)
        return coding, clock


def _entries(rows: list[Row], layout: Layout) -> Iterator[FoundScan | LeftOut]:
    for number, row in enumerate(rows):
        cell = text_of(row[layout.subject])
        subject = canonical_subject(cell or "")
        visit = shown_visit(text_of(row[layout.visit]) or row[layout.clock.column])
        name = layout.path.fill(row)
        days = layout.clock.days(row)
        if cell is None or days is None or name is None:
            reason = NO_SUBJECT if cell is None else NO_TIME if days is None else NO_PATH
            merged = "; of merged cells only the first is filled" if cell is None else ""
            yield LeftOut(subject, visit, reason, f"{row.where}{merged}")
            continue
        file = located(layout.root, name)
        if problem := why_absent(file):
            yield LeftOut(subject, visit, NOT_ON_DISK, f"{row.where}: {file}: {problem}")
            continue
        covariates = layout.coding.read(row)
        labels = _label_map(layout, row)
        yield FoundScan(subject, visit, Path(file), days, (number,), covariates, labels)


def _template(
    role: str, given: str, table: parsing.Table, aliases: dict[str, str], problems: Problems
) -> PathTemplate | None:
    """The template of a file's name; None if a problem was reported."""
    column = given if "{" in given else find_column(role, given, table, problems, KEY)
    with problems.gathered():
        if column:
            template = column if "{" in column else "{" + column + "}"
            return PathTemplate(template, table.columns, aliases, f"{KEY}.{role}")
    return None


def _label_map(layout: Layout, row: Row) -> Path | None:
    name = layout.labels.fill(row) if layout.labels else None
    if name is None:
        return None
    file = located(layout.root, name)
    if problem := why_absent(file):
        raise UserError(
            f"{row.where}: label map {file}: {problem}; empty the cell if there is none"
        )
    return Path(file)
