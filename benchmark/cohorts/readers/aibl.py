"""Reads AIBL as downloaded from LONI: the image tree, and the tables ``aibl_*.csv``."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pydantic import Field

from longibench.benchmark.cohorts.parsing.dates import MONTHS, YEAR
from longibench.benchmark.cohorts.parsing.repeated_rows import RepeatedRows
from longibench.benchmark.cohorts.parsing.study_files import (
    MISSING_CODES,
    NearestRows,
    day_of,
    existing_folder,
    find_folders,
    find_tables,
    no_table,
    read_tables,
    scan_in,
    subfolders,
    tables_not_on_disk,
    without_row,
)
from longibench.benchmark.cohorts.parsing.tables import Row, text_of
from longibench.benchmark.cohorts.parsing.unread import UnreadCells
from longibench.benchmark.cohorts.parsing.values import apoe4_of, code_of, coded
from longibench.benchmark.cohorts.presence import nothing_in
from longibench.benchmark.cohorts.reader import (
    Covariates,
    FoundScan,
    LeftOut,
    Listing,
    Reader,
    ReaderSettings,
)
from longibench.benchmark.cohorts.subject_ids import canonical_visit
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.settings.limits import MOST_DAYS

RID = re.compile(r"\d{1,5}")
DATE = re.compile(r"\d{4}-\d{2}-\d{2}_\d{2}_\d{2}_\d{2}\.\d+")
SEQUENCES = (  # T1w, preferred ones first: accepted scans, repeats, then other protocols
    "MPRAGE_ADNI_confirmed",
    "MPRAGE_ADNI_confirmed_RPT",
    "MPRAGE_ADNI_confirmed_REPEATX2",
    "MPRAGE_ADNI_confirmed_repeat",
    "MPRAGE_ADNI_confirmed_REPEAT",
    "MPRAGE_ADNI_conf_REPEAT",
    "MPRAGE",
    "MPRAGE_SAG_ISO_p2",
    "MPRAGE_SAG_ISO_p2_ND",
    "MPRAGESAGISOp2ND",
)
COLUMNS = frozenset({"ptdob", "ptgender", "siteid", "apgen1", "apgen2"})  # of a participant
SEXES = {"1": "M", "2": "F"}
DEMOGRAPHICS = ("rid", "ptdob", "ptgender")  # columns of the tables
ALLELES = ("apgen1", "apgen2")
GENES = ("rid", *ALLELES)
CLINICAL = ("rid", "viscode")
DIAGNOSES = {"1": "CN", "2": "MCI", "3": "AD"}
VISIT = re.compile(r"m(\d+)")  # canonical, of months
BIRTH = re.compile(r"/?(\d{4})")
MIDYEAR = (7, 1)  # for a birth year without a day
NO_SCAN = "a series without an image"
NOT_T1 = "not a T1w sequence that is known"


class AiblSettings(ReaderSettings):
    """How scans are chosen and matched with clinical visits.

    Attributes:
        sequences: Names of the folders of T1w sequences, preferred ones first.
        clinical_days: How far from the scan a clinical visit may be, before or after it.
    """

    sequences: tuple[str, ...] = SEQUENCES
    clinical_days: int = Field(180, ge=0, le=MOST_DAYS)


@dataclass(frozen=True)
class Tables:
    """Data from AIBL's tables; each may be missing.

    Attributes:
        demographics: Demographics by RID.
        genes: APOE by RID.
        clinical: Cells of all tables of a visit, by RID and the visit's day.
    """

    demographics: dict[str, Row]
    genes: dict[str, Row]
    clinical: NearestRows


class Aibl(Reader, name="aibl"):
    """``<RID>/<sequence>/<YYYY-MM-DD_HH_MM_SS.0>/<image id>/``, DICOM or NIfTI."""

    summary = "AIBL as downloaded from LONI: <RID>/MPRAGE*/<date>/<image>, aibl_*.csv next to it"
    Settings = AiblSettings

    @classmethod
    def recognises(cls, path: Path) -> str:
        """By a folder named by a number that contains a sequence."""
        for person in find_folders(path, RID, depth=2):
            for sequence in subfolders(person):
                if sequence.name in SEQUENCES:
                    return f"it contains {person.name}/{sequence.name}"
        return ""

    def read(self, path: Path) -> Listing:
        """List the T1w scans; time is the date in the tree.

        Raises:
            UserError: No such folder, or no participant in it.
        """
        root = existing_folder(path, "the folder that contains one folder per participant")
        unread, repeated = UnreadCells(), RepeatedRows(COLUMNS, MISSING_CODES)
        tables, notes = _tables(root, unread, repeated)
        scans: list[FoundScan] = []
        left_out: list[LeftOut] = []
        for person in find_folders(root, RID, depth=2):
            sequences = subfolders(person)
            if not sequences:
                left_out.append(LeftOut(f"AIBL{person.name}", "", *nothing_in(person, NO_SCAN)))
            for sequence in sequences:
                if sequence.name not in self.settings.sequences:
                    left_out.append(LeftOut(f"AIBL{person.name}", "", NOT_T1, str(sequence)))
                    continue
                found, problems = self._sequence(person.name, sequence, tables, unread)
                scans += found
                left_out += problems
        if not scans and not left_out:
            raise UserError(f"{root}: not AIBL: it contains no folder <RID>/<sequence>/<date>")
        people = {_rid(scan.subject.removeprefix("AIBL")) for scan in scans}
        notes += without_row(", ".join(DEMOGRAPHICS), tables.demographics.keys(), people)
        notes += tables_not_on_disk(root, RID) + repeated.notes() + unread.notes()
        return Listing(scans, left_out, notes=notes)

    def _sequence(
        self, rid: str, sequence: Path, tables: Tables, unread: UnreadCells
    ) -> tuple[list[FoundScan], list[LeftOut]]:
        scans: list[FoundScan] = []
        left_out: list[LeftOut] = []
        rank = self.settings.sequences.index(sequence.name)
        for folder in find_folders(sequence, DATE, depth=1):
            visit = folder.name.partition("_")[0]
            day = day_of(folder.name)
            for leaf in subfolders(folder) or [folder]:
                image = scan_in(leaf)
                if image is None or day is None:
                    left_out.append(LeftOut(f"AIBL{rid}", visit, *nothing_in(leaf, NO_SCAN)))
                    continue
                known = self._covariates(tables, _rid(rid), day, unread)
                order = (float(rank), leaf.name)
                scans.append(FoundScan(f"AIBL{rid}", visit, image, day, order, known))
        return scans, left_out

    def _covariates(self, tables: Tables, rid: str, day: float, unread: UnreadCells) -> Covariates:
        person, genes = tables.demographics.get(rid, Row()), tables.genes.get(rid, Row())
        clinical = tables.clinical.near(rid, day, self.settings.clinical_days)
        return {
            "age": unread.value(person, "ptdob", lambda cell: _age(cell, day), MISSING_CODES),
            "sex": unread.value(person, "ptgender", coded(SEXES), MISSING_CODES),
            "site": text_of(person.get("siteid"), MISSING_CODES),
            "apoe4": _apoe4(genes, unread),
            "diagnosis": unread.value(clinical, "dxcurren", coded(DIAGNOSES), MISSING_CODES),
            "mmse": unread.number(clinical, "mmscore", MISSING_CODES),
        }


def _apoe4(genes: Row, unread: UnreadCells) -> float | None:
    """Alleles from the two columns; both are needed."""
    cells = [text_of(genes.get(name), MISSING_CODES) for name in ALLELES]
    if None in cells:
        return None
    alleles = "".join(code_of(cell or "") for cell in cells)
    return unread.value(
        Row({"apgen1 and apgen2": alleles}, genes.where), "apgen1 and apgen2", apoe4_of
    )


def _rid(text: str) -> str:
    """A participant's number in one spelling: ``12``, ``0012`` and a spreadsheet's ``12.0``."""
    return code_of(text)


def _age(birth: str, day: float) -> float | None:
    """Age in years from a birth year such as ``/1937``, accurate to half a year."""
    match = BIRTH.fullmatch(birth)
    return (day - date(int(match[1]), *MIDYEAR).toordinal()) / YEAR if match else None


def _tables(
    root: Path, unread: UnreadCells, repeated: RepeatedRows
) -> tuple[Tables, tuple[str, ...]]:
    people, genes, visits = (_read(root, *columns) for columns in (DEMOGRAPHICS, GENES, CLINICAL))
    notes = tuple(
        no_table(columns)
        for columns, rows in ((DEMOGRAPHICS, people), (GENES, genes), (CLINICAL, visits))
        if not rows
    )
    demographics, of_genes = (repeated.by(rows, lambda row: row["rid"]) for rows in (people, genes))
    return Tables(demographics, of_genes, NearestRows(_visits(visits, unread))), notes


def _read(root: Path, *columns: str) -> list[Row]:
    """The rows of the tables with some columns, participants' numbers in one spelling."""
    found = find_tables(root, *columns, skip=RID)
    own = [path for path in found if path.name.lower().startswith("aibl")]
    rows = read_tables(own or found, *columns)  # ADNI's tables use the same numbers
    for row in rows:
        row["rid"] = _rid(row["rid"])
    return rows


def _visits(rows: list[Row], unread: UnreadCells) -> Iterator[tuple[str, float, Row]]:
    """One row per visit, merged from all tables, and its day.

    Most tables have no date (-4) but a visit's code; a visit then has the date of another table, or
    is at its code's months after the baseline.
    """
    visits: dict[tuple[str, str], Row] = {}
    for cells in rows:
        row = visits.setdefault(
            (cells["rid"], canonical_visit(cells["viscode"])), Row(where=cells.where)
        )
        for name, cell in cells.items():
            if text_of(cell, MISSING_CODES) is not None:
                row.setdefault(name, cell)
    for (rid, code), row in visits.items():
        day = unread.value(row, "examdate", day_of)
        start = unread.value(visits.get((rid, canonical_visit("bl")), Row()), "examdate", day_of)
        match = VISIT.fullmatch(code)
        if day is None and start is not None and match:
            day = start + int(match[1]) * YEAR / MONTHS
        if day is not None:
            yield rid, day, row
