"""Finds one T1w scan per session."""

import re
from dataclasses import dataclass
from pathlib import Path

from longibench.benchmark.cohorts.parsing.study_files import find_folders
from longibench.benchmark.cohorts.presence import nothing_in
from longibench.benchmark.cohorts.reader import NOT_ON_DISK, NOT_TAKEN
from longibench.benchmark.cohorts.readers.bids.tables import SubjectTables
from longibench.benchmark.core.found_files import why_absent

SUFFIX = re.compile(r"_T1w\.(?i:nii(\.gz)?)\Z")
T1W = re.compile(rf".+{SUFFIX.pattern}")
SESSION = re.compile("ses-.+")
NO_T1W = "a visit without a T1w scan"
NO_FOLDER = "a listed session without a folder"
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
    left_out: list[tuple[str, str, str]] = []
    folder = tables.folder
    sessions = [*find_folders(folder, SESSION, depth=1)]
    for session in sessions or [folder]:
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
    left_out += _sessions_without_folder(tables, {path.name for path in sessions})
    return Scans(paths, left_out)


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
    return [
        f"{path.name} lists {name}, which does not exist"
        for path, rows in tables.scans(session).items()
        for name in rows
        if SUFFIX.search(name) and Path(name).name not in tables.names((session / name).parent)
    ]


def _sessions_without_folder(
    tables: SubjectTables, present: set[str]
) -> list[tuple[str, str, str]]:
    return [
        (label, NO_FOLDER, f"{tables.sessions_path.name} lists ses-{label}")
        for label in tables.sessions
        if f"ses-{label}" not in present
    ]
