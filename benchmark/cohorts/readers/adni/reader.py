"""Reads a download from LONI's archive: every T1-weighted scan, with the date of the scan."""

from collections import defaultdict
from pathlib import Path

from longibench.benchmark.cohorts.parsing.study_files import without_row
from longibench.benchmark.cohorts.parsing.unread import UnreadCells
from longibench.benchmark.cohorts.reader import LeftOut, Listing, Reader
from longibench.benchmark.cohorts.readers.adni.choice import AdniSettings
from longibench.benchmark.cohorts.readers.adni.clinical import read_clinical, rid_of
from longibench.benchmark.cohorts.readers.adni.grouping import Dated, name_visits
from longibench.benchmark.cohorts.readers.adni.images import list_images
from longibench.benchmark.cohorts.readers.adni.notes import absent, notes_on_tables, notes_on_visits
from longibench.benchmark.cohorts.readers.adni.records import read_records
from longibench.benchmark.cohorts.readers.adni.scans import Scans
from longibench.benchmark.cohorts.readers.adni.tables import find_tables, notes_on_unread
from longibench.benchmark.cohorts.readers.adni.tree import find_participants, is_download


class Adni(Reader, name="adni"):
    """``[ADNI/]PTID/Description/Date/ImageID/``, NIfTI or DICOM, with tables next to it."""

    summary = "ADNI as downloaded from LONI's archive (IDA), NIfTI or DICOM, with its tables"
    Settings = AdniSettings

    @classmethod
    def recognises(cls, path: Path) -> str:
        """By folders such as ``002_S_4711/MPRAGE``, up to four levels down."""
        return "its folders are named by participant ids of ADNI" if is_download(path) else ""

    def read(self, path: Path) -> Listing:
        """List all T1-weighted scans.

        A scan's time is that of its date folder, the day of the scan; visit codes only determine
        which scans belong to a visit (``name_visits``). ``choice.preference`` selects one of them.

        Raises:
            UserError: No such folder, not a download of ADNI, an image under two participants, or a
                table with a cell that cannot be read.
        """
        participants, around = find_participants(path)
        images, left_out = list_images(participants)
        tables = find_tables(around)
        records = read_records(tables, images)
        unread = UnreadCells()
        clinical = read_clinical(tables, {image.subject for image in images}, unread)
        dated: dict[str, list[Dated]] = defaultdict(list)
        scans = Scans(records, clinical, self.settings, unread)
        for image in images:
            found = scans.of(image)
            if isinstance(found, LeftOut):
                left_out.append(found)
            else:
                dated[image.subject].append(found)
        visits = {subject: name_visits(own) for subject, own in dated.items()}
        notes = notes_on_tables(tables, records, images)
        notes += notes_on_visits(dated, visits, clinical, self.settings)
        people = {rid_of(subject) for subject in dated}
        notes += without_row("the clinical data", clinical.examinations.keys(), people)
        return Listing(
            [scan for own in visits.values() for scan in own],
            [*left_out, *records.left_out, *absent(records, images)],
            notes=(*notes, *clinical.repeated.notes(), *unread.notes(), *notes_on_unread(around)),
        )
