"""Finds one T1w scan a session."""

import re
from dataclasses import dataclass
from pathlib import Path

from benchmark.cohorts.readers.bids.tables import read_tsv

SUFFIX = re.compile(r"_T1w\.nii(\.gz)?$")
ONLY = "only"  # visit label of a scan that lies outside any session


@dataclass(frozen=True)
class Scans:
    """A subject's scans.

    Attributes:
        paths: The chosen scan of each session, by session label without ``ses-``.
        left_out: (session label, reason) of what was found or listed but not taken.
    """

    paths: dict[str, Path]
    left_out: list[tuple[str, str]]


def find_scans(folder: Path) -> Scans:
    """Find a subject's T1w scans.

    Of several in a session the plainest name is taken: without ``acq-`` and the like, then the
    lowest ``run-``, then by name.

    Args:
        folder: The subject's folder, ``sub-*``.
    """
    paths: dict[str, Path] = {}
    left_out: list[tuple[str, str]] = []
    sessions = sorted(path for path in folder.glob("ses-*") if path.is_dir())
    for session in sessions or [folder]:
        visit = session.name.removeprefix("ses-") if sessions else ONLY
        images = [
            path for path in (session / "anat").glob("*_T1w.nii*") if SUFFIX.search(path.name)
        ]
        if not images:
            left_out.append((visit, f"no *_T1w.nii.gz in {session / 'anat'}"))
            continue
        chosen, *others = sorted(images, key=_plainness)
        paths[visit] = chosen
        left_out += [(visit, f"{o.name}: {chosen.name} was taken instead") for o in others]
        left_out += [(visit, reason) for reason in _listed_but_absent(session)]
    left_out += _sessions_without_folder(folder, {path.name for path in sessions})
    return Scans(paths, left_out)


def _plainness(path: Path) -> tuple[int, int, str]:
    """Fewer entities beside subject, session and run come first, then the lowest run."""
    entities = dict(
        part.split("-", 1) for part in SUFFIX.sub("", path.name).split("_") if "-" in part
    )
    run = entities.pop("run", "0")
    extra = len(entities.keys() - {"sub", "ses"})
    return extra, int(run) if run.isdigit() else 0, path.name


def _listed_but_absent(session: Path) -> list[str]:
    """Reasons for the T1w scans that ``*_scans.tsv`` lists and that are not there."""
    reasons = []
    for table in sorted(session.glob("*_scans.tsv")):
        for name in read_tsv(table, "filename").index:
            if SUFFIX.search(name) and not (session / name).is_file():
                reasons.append(f"{table.name} lists {name}, which does not exist")
    return reasons


def _sessions_without_folder(folder: Path, present: set[str]) -> list[tuple[str, str]]:
    table = folder / f"{folder.name}_sessions.tsv"
    if not table.is_file():
        return []
    return [
        (name.removeprefix("ses-"), f"{table.name} lists {name}, which has no folder")
        for name in read_tsv(table, "session_id").index
        if name not in present
    ]
