"""The folders of a download: ``[ADNI/]PTID/Description/Date/ImageID/file``."""

import re
from pathlib import Path

from longibench.benchmark.cohorts.parsing.study_files import existing_folder, subfolders
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.found_files import files_in, folders_in

ZIP = re.compile(r".+\.zip", re.IGNORECASE)
PTID = re.compile(r"\d{3}_S_\d{4,5}", re.IGNORECASE)
MANY = 100  # folders of a level that are searched; a download has few parts
DEEPEST = 4  # levels from the given path to a participant's folder, as in path/part2/ADNI/PTID


def is_download(path: Path) -> bool:
    """Whether a path contains, at any level, subfolders named by participants' ids.

    Searches as deep as ``find_participants``, but below the second level only the first folders,
    since it is called for every study.
    """
    level = [path] if path.is_dir() else []
    for depth in range(DEEPEST):
        below: list[Path] = []
        for place in level if depth < 2 else level[:MANY]:
            folders = subfolders(place)
            participants = [folder for folder in folders if PTID.fullmatch(folder.name)]
            if any(subfolders(person) for person in participants):
                return True
            below += [folder for folder in folders if not PTID.fullmatch(folder.name)]
        level = below
    return False


def find_participants(root: Path) -> tuple[list[Path], list[Path]]:
    """Find the participants' folders.

    Args:
        root: The folder ``ADNI``, its parent, or the parent of several downloads.

    Returns:
        The participants' folders, and the folders around them, which may contain tables.

    Raises:
        UserError: No such folder, or no participant in it.
    """
    participants, around = [], []
    level = [existing_folder(root, "the one that holds ADNI/ or its parts")]
    for _ in range(DEEPEST):
        around += level
        below = [sub for folder in level for sub in folders_in(folder, lost=True)]
        participants += [folder for folder in below if PTID.fullmatch(folder.name)]
        level = [folder for folder in below if not PTID.fullmatch(folder.name)]
    if not participants:
        packed = next(iter(files_in(root, ZIP)), None)
        hint = f"unpack {packed.name} first" if packed else "folders must be named like 002_S_4711"
        raise UserError(f"{root}: not a download of ADNI: no participant's folder; {hint}")
    if any(person.parent == root for person in participants):
        around.append(root.absolute().parent)  # tables are usually next to the folder ADNI
    return participants, around
