"""Notes on a download for the user: which tables were read, and what is inconsistent."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from longibench.benchmark.cohorts.parsing.dates import parse_date
from longibench.benchmark.cohorts.parsing.tables import Row
from longibench.benchmark.cohorts.reader import NOT_ON_DISK, FoundScan, LeftOut
from longibench.benchmark.cohorts.readers.adni.choice import AdniSettings
from longibench.benchmark.cohorts.readers.adni.clinical import NEAR, Clinical
from longibench.benchmark.cohorts.readers.adni.grouping import Dated, taken_of
from longibench.benchmark.cohorts.readers.adni.images import Image
from longibench.benchmark.cohorts.readers.adni.records import Records
from longibench.benchmark.cohorts.readers.adni.sequences import why_not_t1
from longibench.benchmark.cohorts.readers.adni.tables import Kind, is_merge_name, newest

MEANING: dict[Kind, str] = {
    "listing": "lists of the images",
    "merge": "ADNIMERGE",
    "diagnoses": "diagnoses",
    "meta": "field strengths, sequences and visits of the study's images",
    "image quality": "Mayo's quality ratings",
    "series quality": "quality checks",
}
APART = 3  # days between the folder's date and the table's that are reported


def absent(records: Records, images: Iterable[Image]) -> list[LeftOut]:
    """T1-weighted scans that a list of the download names and that are missing on disk."""
    present = {image.image for image in images}
    missing = []
    for image, row in records.listed.items():
        record = records.of_image[image]
        wanted = "mr" in record.get("modality", "MRI").lower()
        if image not in present and wanted and not why_not_t1(record.get("description", "mprage")):
            detail = f"{row}: image {image}; download it again, or remove the row"
            missing.append(LeftOut(record["subject"], record.get("visit", ""), NOT_ON_DISK, detail))
    return missing


def notes_on_tables(
    tables: Mapping[Kind, list[Path]], records: Records, images: Sequence[Image]
) -> list[str]:
    """Which tables were read, and how they differ from the folders; no participant's id."""
    return [*_of_tables(tables, records), *_of_images(records, images)]


def notes_on_visits(
    dated: Mapping[str, Sequence[Dated]],
    visits: Mapping[str, Sequence[FoundScan]],
    clinical: Clinical,
    settings: AdniSettings,
) -> list[str]:
    """What changes between visits or is not as set, and examinations without a scan; no ids."""
    processed = {one.scan.path: one.processed for own in dated.values() for one in own}
    taken = [taken_of(scans) for scans in visits.values()]
    versions = sum(len({processed[scan.path] for scan in scans}) > 1 for scans in taken)
    fields = sum(
        len({scan.covariates["field_tesla"] for scan in scans} - {None}) > 1 for scans in taken
    )
    alone = sum(
        all(abs(scan.days - day) > NEAR for scan in scans)
        for subject, scans in visits.items()
        for day in {
            exam.day for exam in clinical.of(subject)
        }  # several tables contain the same ones
    )
    chosen = [scan for scans in taken for scan in scans]
    version, field = settings.prefer, settings.field
    other = sum(processed[scan.path] != (version == "processed") for scan in chosen)
    known = () if field == "protocol" else (None, float(field))
    unlike = sum(scan.covariates["field_tesla"] not in known for scan in chosen if known)
    counted = (
        (other * (version != "clinica"), f"visits have no {version} image (readers.adni.prefer)"),
        (unlike, f"visits have no image at {field} T (readers.adni.field)"),
        (versions, "participants have processed and original images; see readers.adni.prefer"),
        (fields, "participants change the field strength between visits; see field_tesla"),
        (alone, f"examinations have no scan within {NEAR} days; they are no visits"),
    )
    return [f"{count} {text}" for count, text in counted if count]


def _of_tables(tables: Mapping[Kind, list[Path]], records: Records) -> list[str]:
    lines = ["times are the dates of the image folders; visit codes are not read as months"]
    for kind, paths in tables.items():
        used = [path.name for path in paths if path.name not in records.foreign]
        if kind in ("merge", "diagnoses") and len(paths) > 1:
            used = [newest(paths).name]
            older = ", ".join(path.name for path in paths if path.name not in used)
            same_kind = len({is_merge_name(path) for path in paths}) == 1
            why = ", the newest" if same_kind else ""
            lines.append(f"{MEANING[kind]}: {used[0]} is read{why}, not {older}")
        elif used:
            lines.append(f"{MEANING[kind]}: {', '.join(used)}")
    lines += [f"{name} lists no participant of ADNI and is not read" for name in records.foreign]
    lines += [
        f"{name} lists {count:,} participants of whom nothing is here: it is read as a list of "
        "more than this download; if it is this download's own, the rest is not unpacked yet"
        for name, count in records.wider.items()
    ]
    if tables.keys().isdisjoint(("merge", "listing", "diagnoses", "meta")):
        lines.append("no table was found next to the images: no ages, diagnoses or field strengths")
    return lines


def _of_images(records: Records, images: Sequence[Image]) -> list[str]:
    lines = []
    unlisted = sum(image.image not in records.listed for image in images)
    if records.listed and unlisted:
        lines.append(f"{unlisted} scans on disk are in no list; they are used")
    differing = [image.image for image in images if _differs(records, image)]
    if differing:
        where = records.listed.get(differing[0], f"image {differing[0]}")
        lines.append(
            f"{len(differing)} scans have another date in a table, by more than {APART} days, "
            f"or an unreadable one; the folders' dates are used; first: {where}"
        )
    return lines


def _differs(records: Records, image: Image) -> bool:
    stated = records.of_image.get(image.image, Row()).get("date")
    if stated is None:
        return False
    try:
        return abs((parse_date(stated) - parse_date(image.date)).days) > APART
    except ValueError:
        return True
