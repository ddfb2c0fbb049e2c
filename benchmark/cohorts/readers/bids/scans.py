"""Finds one T1w scan per session."""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from longibench.benchmark.cohorts.presence import nothing_in
from longibench.benchmark.cohorts.reader import NOT_ON_DISK, NOT_TAKEN
from longibench.benchmark.cohorts.readers.bids.tables import SubjectTables, scan_key
from longibench.benchmark.cohorts.subject_ids import canonical_visit
from longibench.benchmark.core.found_files import why_absent

SUFFIX = re.compile(r"_T1w\.(?i:nii(\.gz)?)\Z")
T1W = re.compile(rf".+{SUFFIX.pattern}", re.DOTALL)
NO_T1W = "a visit without a T1w scan"
NO_FOLDER = "a listed session without a folder"
SAME_SESSION = "two folders of one session"
ONLY = "only"  # visit label of a scan outside any session


@dataclass(frozen=True)
class Scans:
    """A subject's scans.

    Attributes:
        paths: The chosen scan of each session, by session label without ``ses-``.
        left_out: (session label, reason, detail) of what was found or listed but not taken.
    """

    paths: dict[str, Path]
    left_out: list[tuple[str, str, str]]


def find_scans(tables: SubjectTables, prefer: str = "", run: str = "first") -> Scans:
    """Find a subject's T1w scans.

    Of several in a session one whose name contains ``prefer`` is taken, then the plainest name:
    without ``acq-`` and similar entities, then the first (or last) ``run-``, then by name.

    Args:
        tables: The subject's folder and its tables.
        prefer: Part of a file name that is preferred.
        run: ``"first"`` or ``"last"``.
    """
    paths: dict[str, Path] = {}
    folder = tables.folder
    sessions, left_out = one_folder_each(tables.session_folders)
    for session in sessions or ([] if left_out else [folder]):
        visit = session.name.removeprefix("ses-") if sessions else ONLY
        anat = session / "anat"
        named = [anat / name for name in tables.names(anat) if T1W.fullmatch(name)]
        problems = {path: why_absent(path) for path in sorted(named)}
        left_out += [(visit, NOT_ON_DISK, f"{p}: {why}") for p, why in problems.items() if why]
        images = [path for path, why in problems.items() if not why]
        if not named:
            left_out.append((visit, *nothing_in(anat, NO_T1W)))
        if not images:
            continue
        chosen, *others = sorted(images, key=lambda path: _order(path, prefer, run))
        paths[visit] = chosen
        left_out += [(visit, NOT_TAKEN, f"{o}: {chosen.name} instead") for o in others]
        left_out += [(visit, NOT_ON_DISK, detail) for detail in _listed_but_absent(tables, session)]
    left_out += _sessions_without_folder(tables)
    return Scans(paths, left_out)


def one_folder_each(folders: list[Path]) -> tuple[list[Path], list[tuple[str, str, str]]]:
    """The folders that are a session's only one, and what is left out.

    ``ses-M12`` and ``ses-M012`` are one session: which of them is right is not decided here.
    """
    same: dict[str, list[Path]] = defaultdict(list)
    for folder in folders:
        same[canonical_visit(folder.name)].append(folder)
    detail = "keep one of {}"
    return [group[0] for group in same.values() if len(group) == 1], [
        (path.name.removeprefix("ses-"), SAME_SESSION, detail.format(", ".join(map(str, group))))
        for group in same.values()
        for path in group
        if len(group) > 1
    ]


def plainest(images: Iterable[Path]) -> Path | None:
    """The image with the plainest name, as ``find_scans`` chooses; None if there is none."""
    return min(images, key=lambda path: _order(path, "", "first"), default=None)


def _order(path: Path, prefer: str, run: str) -> tuple[bool, int, int, str]:
    """Preferred names first, then fewer entities besides subject, session and run, then the run."""
    entities = dict(
        part.split("-", 1) for part in SUFFIX.sub("", path.name).split("_") if "-" in part
    )
    digits = entities.pop("run", "0")
    number = int(digits) if digits.isdigit() else 0
    extra = len(entities.keys() - {"sub", "ses"})
    plain = not prefer or prefer not in path.name
    return plain, extra, number if run == "first" else -number, path.name


def _listed_but_absent(tables: SubjectTables, session: Path) -> list[str]:
    """The T1w scans that ``*_scans.tsv`` lists and that do not exist."""
    listed = tables.scans(session)
    present = {scan_key(name) for name in tables.names(session / "anat")} if listed else set()
    return [
        f"{path.name} lists {name}, which does not exist"
        for path, rows in listed.items()
        for key, row in rows.items()
        if SUFFIX.search(name := row["filename"]) and key not in present
    ]


def _sessions_without_folder(tables: SubjectTables) -> list[tuple[str, str, str]]:
    present = {canonical_visit(path.name) for path in tables.session_folders}
    listed = {v: row["session_id"].removeprefix("ses-") for v, row in tables.sessions.rows.items()}
    return [
        (label, NO_FOLDER, f"{tables.sessions_path.name} lists ses-{label}")
        for visit, label in listed.items()
        if visit not in present
    ]
