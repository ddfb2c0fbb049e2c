"""From an image on disk and its data in tables to a scan with day, order and covariates."""

from dataclasses import dataclass
from datetime import date

from longibench.benchmark.cohorts import reader
from longibench.benchmark.cohorts.parsing.dates import parse_date
from longibench.benchmark.cohorts.parsing.tables import Row, number_of
from longibench.benchmark.cohorts.parsing.unread import UnreadCells
from longibench.benchmark.cohorts.parsing.values import sex_of
from longibench.benchmark.cohorts.reader import FoundScan, LeftOut
from longibench.benchmark.cohorts.readers.adni.choice import (
    UNUSABLE,
    AdniSettings,
    Candidate,
    preference,
)
from longibench.benchmark.cohorts.readers.adni.clinical import Clinical
from longibench.benchmark.cohorts.readers.adni.codes import entry_of, phase_of, phase_of_day
from longibench.benchmark.cohorts.readers.adni.grouping import Dated
from longibench.benchmark.cohorts.readers.adni.images import Image
from longibench.benchmark.cohorts.readers.adni.records import (
    Record,
    Records,
    nominal_tesla,
    tesla_of,
)
from longibench.benchmark.cohorts.readers.adni.sequences import NOT_T1, sequence_of, why_not_t1
from longibench.benchmark.cohorts.subject_ids import ADNI_ID, canonical_subject
from longibench.benchmark.core.errors import UserError

NO_DATE = "no date of acquisition"
FAILED = "failed ADNI's quality check"
REPEATED = "a repeated scan, not wanted"
UNKNOWN = float("inf")  # number of a series or image without an id


@dataclass(frozen=True)
class Scans:
    """Makes scans from images.

    Attributes:
        records: Data of images from the tables.
        clinical: Data of participants from the tables.
        settings: How one of several scans of a visit is chosen.
        unread: Counts cells that cannot be read.
    """

    records: Records
    clinical: Clinical
    settings: AdniSettings
    unread: UnreadCells

    def of(self, image: Image) -> Dated | LeftOut:
        """The scan, or why it is not used.

        Raises:
            UserError: A table assigns the image to another participant.
        """
        record = self.records.of_image.get(image.image, Row())
        self._refuse_other_owner(image, record)
        day = _date(image.date) or _date(record.get("date", ""))
        reason = self._why_not(image, record, day)
        if reason or day is None:
            return LeftOut(image.subject, record.get("visit", ""), reason, str(image.path))
        scan = self._candidate(image, record, day)
        found = FoundScan(
            image.subject,
            "",
            image.path,
            day.toordinal(),
            preference(scan, self.settings),
            self._covariates(image.subject, day.toordinal(), record, scan.tesla),
        )
        processed = scan.sequence.processing != "none"
        return Dated(found, record.get("visit", "").lower(), scan.phase, processed)

    def _why_not(self, image: Image, record: Record, day: date | None) -> str:
        description = record.get("description", image.description)
        if reason := why_not_t1(description):
            return reason
        if "mr" not in record.get("modality", "MRI").lower():
            return NOT_T1
        if day is None:
            return NO_DATE
        rating = number_of(record.get("quality")) or 0
        if rating >= UNUSABLE or not self.records.passed.get(_series(image, record), True):
            return FAILED
        unwanted = self.settings.repeats == "never" and sequence_of(description).repeat
        return REPEATED if unwanted else ""

    def _candidate(self, image: Image, record: Record, day: date) -> Candidate:
        code, ordinal, subject = record.get("visit", ""), day.toordinal(), image.subject
        protocol = self.clinical.nearest(subject, ordinal, "colprot") or ""
        strength = self.clinical.nearest(subject, ordinal, "fldstreng")
        return Candidate(
            sequence_of(record.get("description", image.description), record.get("type", "")),
            phase_of(code, record.get("phase", "")) or phase_of("", protocol) or phase_of_day(day),
            entry_of(code),
            tesla_of(record) or nominal_tesla(strength),
            record.get("selected", "").lower() in ("1", "1.0", "true", "yes"),
            number_of(record.get("quality")),
            float(_series(image, record) or UNKNOWN),
            float(image.image or UNKNOWN),
        )

    def _covariates(
        self, subject: str, day: int, record: Record, tesla: float | None
    ) -> reader.Covariates:
        """ADNIMERGE's values, or those of the image's own row if it has none."""
        known = self.clinical.covariates(subject, day)
        row: reader.Covariates = {
            "age": self.unread.age(record, "age"),
            "sex": self.unread.value(record, "sex", sex_of),
            "group": record.get("group"),
            "mmse": self.unread.number(record, "mmse"),
        }
        missing = {name: value for name, value in row.items() if known.get(name) is None}
        return {**known, **missing, "site": subject[:3], "field_tesla": tesla}

    def _refuse_other_owner(self, image: Image, record: Record) -> None:
        owner = record.get("subject", image.subject)
        if ADNI_ID.fullmatch(owner) and canonical_subject(owner) != image.subject:
            where = self.records.listed.get(image.image, "a table")
            raise UserError(
                f"{where}: assigns image {image.image} to {owner}, but on disk it is "
                f"{image.subject}'s: {image.path}; correct the row or move the folder"
            )


def _series(image: Image, record: Record) -> str:
    return image.series or "".join(c for c in record.get("series", "") if c.isdigit())


def _date(text: str) -> date | None:
    try:
        return parse_date(text)
    except ValueError:
        return None
