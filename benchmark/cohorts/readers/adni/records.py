"""Data of single images from the tables: collection CSV, idaSearch export, MPRAGEMETA, quality."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from longibench.benchmark.cohorts.parsing.study_files import MISSING_CODES
from longibench.benchmark.cohorts.parsing.tables import Row, text_of
from longibench.benchmark.cohorts.reader import LISTED_TWICE, LeftOut
from longibench.benchmark.cohorts.readers.adni.images import Image
from longibench.benchmark.cohorts.readers.adni.tables import (
    LISTED_IMAGE,
    STUDY_IMAGE,
    Kind,
    rows_of,
)
from longibench.benchmark.cohorts.subject_ids import ADNI_ID, canonical_subject
from longibench.benchmark.core.errors import UserError

IMAGE = re.compile(r"[ID]?(\d+)(?:\.0)?", re.IGNORECASE)
SERIES = re.compile(r"S?(\d+)(?:\.0)?", re.IGNORECASE)
OTHER_STUDY = "a row of another study"
TESLA = re.compile(r"field ?strength\s*=\s*([\d.]+)", re.IGNORECASE)
COLUMNS = {
    "subject": ("subject", "subjectid", "ptid"),
    "group": ("group", "researchgroup"),
    "sex": ("sex",),
    "age": ("age",),
    "visit": ("viscode2", "visit"),
    "modality": ("modality", "imagemodality"),
    "description": ("description", "sequence", "imagedescription"),
    "type": ("type", "origproc", "imagetype"),
    "date": ("acqdate", "studydate", "scandate", "imagedate"),
    "phase": ("phase", "project"),
    "protocol": ("imagingprotocol",),
    "tesla": ("magstrength",),
    "mmse": ("mmsetotalscore", "mmse"),
    "series": ("seriesid",),
    "selected": ("seriesselected",),
    "quality": ("seriesquality",),
}
Record = Row  # data of an image; keys as in COLUMNS, without missing ones


@dataclass
class Records:
    """Data of images from all tables.

    Attributes:
        of_image: By image id (digits).
        passed: Whether a series passed ADNI's quality check, by series id (digits).
        listed: Image ids of the download's own lists, with the table and row.
        left_out: Rows of lists that are not used: duplicates, and those of another study.
        foreign: Tables that are ignored, since they list another study's participants.
        wider: By list, the participants of whom nothing is on disk, where these are the most: it is
            a list of the study or of a larger download, and they are no loss of this one.
    """

    of_image: dict[str, Record] = field(default_factory=lambda: defaultdict(Row))
    passed: dict[str, bool] = field(default_factory=dict)
    listed: dict[str, str] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    wider: dict[str, int] = field(default_factory=dict)


def read_records(tables: dict[Kind, list[Path]], images: Iterable[Image]) -> Records:
    """Read all tables of images; if two differ, the first in this order is used.

    Args:
        tables: As returned by ``find_tables``.
        images: Images on disk; for others, rows of study-wide tables are ignored.

    Raises:
        UserError: A cell of an image on disk is no image or participant id; the message names file,
            row and column.
    """
    records, owners = Records(), {image.image: image.subject for image in images}
    subjects = frozenset(owners.values())
    for path in tables.get("listing", []):
        _add_listing(records, path, owners.keys(), subjects)
    for kind, columns in (("meta", STUDY_IMAGE), ("image quality", ("loniimage",))):
        for path in tables.get(kind, []):  # type: ignore[call-overload]
            for _, image, cells in _rows(path, *columns, subjects=subjects):
                if image in owners:
                    _add(records.of_image[image], cells)
    for path in tables.get("series quality", []):
        _add_verdicts(records, path)
    return records


def tesla_of(record: Record) -> float | None:
    """Field strength in tesla in an image's own row, to the nominal value."""
    match = TESLA.search(record.get("protocol", ""))
    return nominal_tesla(match[1] if match else record.get("tesla"))


def nominal_tesla(text: str | None) -> float | None:
    """``1.5 Tesla MRI``, ``1.494`` and ``2.89`` are 1.5, 1.5 and 3 tesla; None if there is none."""
    match = re.search(r"\d+(?:\.\d+)?", text or "")
    value = float(match[0]) if match else 0.0
    near = [nominal for nominal in (1.5, 3.0) if abs(value - nominal) < 0.25]
    return near[0] if near else value or None


def _add_listing(records: Records, path: Path, on_disk: Set[str], subjects: Set[str]) -> None:
    rows = list(_rows(path, *LISTED_IMAGE))
    people = {cells.get("subject", "") for *_, cells in rows}
    people = {canonical_subject(person) for person in people if ADNI_ID.fullmatch(person)}
    if not people:
        records.foreign.append(path.name)
        return
    absent = people - subjects
    if len(absent) > len(people) / 2:
        records.wider[path.name] = len(absent)
        rows = [row for row in rows if row[1] in on_disk]
    seen = set()
    for row, image, cells in rows:
        subject = cells.get("subject", "")
        if not ADNI_ID.fullmatch(subject):
            records.left_out.append(_of_another_study(path, row, subject, image in on_disk))
            continue
        cells["subject"] = canonical_subject(subject)
        if image in seen:
            detail = f"{path}, row {row}: image {image} is in an earlier row too"
            records.left_out.append(LeftOut(cells["subject"], "", LISTED_TWICE, detail))
            continue
        seen.add(image)
        records.listed.setdefault(image, f"{path}, row {row}")
        _add(records.of_image[image], cells)


def _of_another_study(path: Path, row: int, subject: str, on_disk: bool) -> LeftOut:
    """A row whose subject is not one of ADNI; refused if its image is on disk."""
    if on_disk:
        raise UserError(
            f"{path}: row {row}, column Subject: '{subject}' is not a participant's id such as "
            "002_S_4711"
        )
    return LeftOut(subject, "", OTHER_STUDY, f"{path}, row {row}: subject '{subject}'")


def _add_verdicts(records: Records, path: Path) -> None:
    """A series with several verdicts has passed if one of them is a pass."""
    for _, cells in rows_of(path, ("loniuid", "pass")):
        match = SERIES.fullmatch(cells["loniuid"])
        verdict = text_of(cells["pass"], MISSING_CODES)
        if match and verdict:
            before = records.passed.get(match[1], False)
            records.passed[match[1]] = before or verdict in ("1", "1.0")


def _rows(
    path: Path, *ids: str, subjects: Set[str] | None = None
) -> Iterator[tuple[int, str, Record]]:
    """Row number, image id (digits) and non-missing cells of every row with an image id.

    Args:
        path: The table.
        ids: Columns of the image's id; the first one present.
        subjects: For a study-wide table those on disk: an invalid image id of others is ignored.
    """
    for row, cells in rows_of(path, [*ids, *chain(*COLUMNS.values())]):
        column = next(name for name in ids if name in cells)
        text = text_of(cells[column], MISSING_CODES)
        if text is None:
            continue
        record, match = _record(cells), IMAGE.fullmatch(text)
        if match:
            yield row, match[1], record
        elif subjects is None or canonical_subject(record.get("subject", "")) in subjects:
            raise UserError(
                f"{path}: row {row}, column {column}: '{text}' is not an image id such as I40966"
            )


def _record(cells: Row) -> Record:
    """The cells by the keys of ``COLUMNS``, without missing ones."""
    record = Row(where=cells.where)
    for key, spellings in COLUMNS.items():
        values = (text_of(cells.get(name), MISSING_CODES) for name in spellings)
        value = next((value for value in values if value is not None), None)
        if value is not None:
            record[key] = value
    return record


def _add(record: Record, cells: Record) -> None:
    record.where = record.where or cells.where
    for key, value in cells.items():
        record.setdefault(key, value)
