"""Finds one T1w scan a session."""

import re
from dataclasses import dataclass
from pathlib import Path

from benchmark.cohorts.reader import NOT_ON_DISK, NOT_TAKEN
from benchmark.cohorts.tables import read_keyed

SUFFIX = re.compile(r"_T1w\.nii(\.gz)?$")
NO_T1W = "a visit without a T1w scan"
NO_FOLDER = "a listed session without a folder"
ONLY = "only"  # visit label of a scan that lies outside any session


@dataclass(frozen=True)
class Scans:
    """A subject's scans.

    Attributes:
        paths: The chosen scan of each session, by session label without ``ses-``.
        left_out: (session label, reason, detail) of what was found or listed but not taken.
    """

    paths: dict[str, Path]
    left_out: list[tuple[str, str, str]]


def find_scans(folder: Path, prefer: str = "", run: str = "first") -> Scans:
    """Find a subject's T1w scans.

    Of several in a session one whose name holds ``prefer`` is taken, then the plainest name:
    without ``acq-`` and the like, then the first (or last) ``run-``, then by name.

    Args:
        folder: The subject's folder, ``sub-*``.
        prefer: Part of a file name that wins.
        run: ``"first"`` or ``"last"``.
    """
    paths: dict[str, Path] = {}
    left_out: list[tuple[str, str, str]] = []
    sessions = sorted(path for path in folder.glob("ses-*") if path.is_dir())
    for session in sessions or [folder]:
        visit = session.name.removeprefix("ses-") if sessions else ONLY
        images = [
            path for path in (session / "anat").glob("*_T1w.nii*") if SUFFIX.search(path.name)
        ]
        if not images:
            left_out.append((visit, NO_T1W, str(session / "anat")))
            continue
        chosen, *others = sorted(images, key=lambda path: _order(path, prefer, run))
        paths[visit] = chosen
        left_out += [(visit, NOT_TAKEN, f"{o}: {chosen.name} instead") for o in others]
        left_out += [(visit, NOT_ON_DISK, detail) for detail in _listed_but_absent(session)]
    left_out += _sessions_without_folder(folder, {path.name for path in sessions})
    return Scans(paths, left_out)


def _order(path: Path, prefer: str, run: str) -> tuple[bool, int, int, str]:
    """Preferred names first, then fewer entities beside subject, session and run, then the run."""
    entities = dict(
        part.split("-", 1) for part in SUFFIX.sub("", path.name).split("_") if "-" in part
    )
    digits = entities.pop("run", "0")
    number = int(digits) if digits.isdigit() else 0
    extra = len(entities.keys() - {"sub", "ses"})
    plain = not prefer or prefer not in path.name
    return plain, extra, number if run == "first" else -number, path.name


def _listed_but_absent(session: Path) -> list[str]:
    """The T1w scans that ``*_scans.tsv`` lists and that are not there."""
    missing = []
    for table in sorted(session.glob("*_scans.tsv")):
        for name in read_keyed(table, "filename").index:
            if SUFFIX.search(name) and not (session / name).is_file():
                missing.append(f"{table.name} lists {name}, which does not exist")
    return missing


def _sessions_without_folder(folder: Path, present: set[str]) -> list[tuple[str, str, str]]:
    table = folder / f"{folder.name}_sessions.tsv"
    if not table.is_file():
        return []
    return [
        (name.removeprefix("ses-"), NO_FOLDER, f"{table.name} lists {name}")
        for name in read_keyed(table, "session_id").index
        if name not in present
    ]
