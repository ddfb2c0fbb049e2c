"""Reads a BIDS longitudinal dataset: every T1w scan, with the time of its session."""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, get_args

from longibench.benchmark.cohorts.parsing.dates import YEAR
from longibench.benchmark.cohorts.parsing.study_files import (
    SUBJECT,
    existing_folder,
    find_folders,
    subject_folders,
)
from longibench.benchmark.cohorts.reader import FoundScan, LeftOut, Listing, Reader, ReaderSettings
from longibench.benchmark.cohorts.readers.bids.covariates import Covariates, find_covariates
from longibench.benchmark.cohorts.readers.bids.records import COLUMN_TO_ADD
from longibench.benchmark.cohorts.readers.bids.scans import Scans, find_scans
from longibench.benchmark.cohorts.readers.bids.tables import SubjectTables
from longibench.benchmark.cohorts.readers.bids.times import NoTimeError, Timed, visit_years
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.found_files import is_present
from longibench.benchmark.settings.preparation import Step

SHAREABLE = "LongibenchShareable"  # keys of dataset_description.json
PREPARATION = "LongibenchPreparation"
NO_TIME = "no time for its session"


class BidsSettings(ReaderSettings):
    """Which of several scans of a session is taken.

    Attributes:
        prefer: A part of the file name, such as ``acq-mprage``, that is preferred to plain names.
        run: Whether the first or the last ``run-`` is taken.
    """

    prefer: str = ""
    run: Literal["first", "last"] = "first"


class Bids(Reader, name="bids"):
    """``sub-*/[ses-*/]anat/*_T1w.nii[.gz]``."""

    summary = "any longitudinal BIDS dataset, such as Clinica's conversions of ADNI, OASIS, AIBL"
    Settings = BidsSettings

    @classmethod
    def recognises(cls, path: Path) -> str:
        """By its folders ``sub-*``; a derivative of a dataset is not the raw dataset."""
        if path.is_dir() and _description(path).get("DatasetType") == "derivative":
            return ""
        folder = next(find_folders(path, SUBJECT, depth=1), None)
        return f"it contains {folder.name}" if folder else ""

    def read(self, path: Path) -> Listing:
        """List all scans of sessions whose time is known.

        Time comes from ``sub-*_sessions.tsv`` or ``*_scans.tsv`` (see ``visit_years``), else from
        unambiguous session labels (``M012``, ``d0757``); a note names the origin.

        Raises:
            UserError: No such folder, not BIDS, two folders of one person, no times at all, or no
                scan with ``prefer`` in its name.
        """
        existing_folder(path, "the root of a BIDS dataset")
        scans: list[FoundScan] = []
        left_out: list[LeftOut] = []
        covariates = find_covariates(path)
        untimed = ""
        times: list[Timed] = []
        chosen: list[Path] = []
        for subject, folder in sorted(subject_folders(path, "a BIDS dataset").items()):
            tables = covariates.tables(subject, folder)
            found = find_scans(tables, self.settings.prefer, self.settings.run)
            left_out += [LeftOut(subject, *entry) for entry in found.left_out]
            chosen += found.paths.values()
            try:
                times.append(_times(tables, found))
            except NoTimeError as error:
                untimed = untimed or "; ".join([str(error), *(text for *_, text in tables.unread)])
                left_out += [LeftOut(subject, v, NO_TIME, str(error)) for v in found.paths]
                left_out += [LeftOut(subject, *entry) for entry in tables.unread]
                continue
            scans += _timed(subject, tables, found, times[-1].years, covariates)
            left_out += [LeftOut(subject, *entry) for entry in tables.unread]
        if untimed and not scans:
            raise UserError(f"{untimed} ({COLUMN_TO_ADD})")
        notes = (*time_notes(times), *covariates.notes(), *self._not_preferred(chosen))
        return Listing(scans, left_out, _steps(path), shareable=_shareable(path), notes=notes)

    def _not_preferred(self, chosen: list[Path]) -> tuple[str, ...]:
        """A note on the scans without ``prefer`` in their name; an error if it is in none."""
        prefer = self.settings.prefer
        without = [path for path in chosen if prefer not in path.name]
        if without and len(without) == len(chosen):
            raise UserError(
                f"readers.bids.prefer={prefer}: no T1w scan has it in its name, such as "
                f"{without[0].name}"
            )
        note = f"readers.bids.prefer={prefer}: {len(without)} of {len(chosen)} scans are without it"
        return (note,) if without else ()


def time_notes(times: Iterable[Timed]) -> tuple[str, ...]:
    """Which records the times are from, which were not used and why, each with its subjects."""
    used = list(times)
    origins = Counter(f"times from {timed.what}" for timed in used if timed.what)
    remarks = Counter(remark for timed in used for remark in timed.remarks)
    return tuple(
        f"{text} ({count} subjects)"
        for text, count in (*origins.most_common(), *remarks.most_common())
    )


def _times(tables: SubjectTables, found: Scans) -> Timed:
    """Times of a subject's scans; a single one needs none, because it cannot be paired."""
    return visit_years(tables, found.paths) if len(found.paths) > 1 else Timed({}, "")


def _timed(
    subject: str,
    tables: SubjectTables,
    found: Scans,
    years: dict[str, float],
    covariates: Covariates,
) -> list[FoundScan]:
    return [
        FoundScan(
            subject,
            visit,
            path,
            years.get(visit, 0.0) * YEAR,
            covariates=covariates.of(tables, subject, visit, path),
        )
        for visit, path in found.paths.items()
    ]


def _shareable(root: Path) -> bool:
    """Whether the dataset declares that images of its participants may leave the machine."""
    return _description(root).get(SHAREABLE) is True


def _steps(root: Path) -> frozenset[Step]:
    """The steps of preparation that the dataset declares as already applied."""
    named = _description(root).get(PREPARATION, [])
    known = get_args(Step)
    if not isinstance(named, list) or not set(map(str, named)) <= set(known):
        raise UserError(
            f"{root / 'dataset_description.json'}: {PREPARATION} lists {named}; "
            f"the steps are {', '.join(known)}"
        )
    return frozenset(step for step in known if step in named)


def _description(root: Path) -> dict[str, object]:
    path = root / "dataset_description.json"
    if not is_present(path):
        return {}
    try:
        description = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read as JSON: {error}") from error
    return description if isinstance(description, dict) else {}
