"""The folders of a download: ``[ADNI/]PTID/Description/Date/ImageID/file``."""

import re
from pathlib import Path

from longibench.benchmark.cohorts.parsing.study_files import existing_folder, subfolders
from longibench.benchmark.core.errors import UserError

PTID = re.compile(r"\d{3}_S_\d{4,5}", re.IGNORECASE)
MANY = 100  # folders of a level that are looked into; parts of a download are few
DEEPEST = 4  # levels from the place given to a participant's folder, as in place/part2/ADNI/PTID


def is_download(path: Path) -> bool:
    """Whether folders named by participants' ids, with folders in them, lie in a place or below.

    Goes as deep as ``find_people``, but below the second level only into the first folders, since
    it is asked of every study.
    """
    level = [path] if path.is_dir() else []
    for depth in range(DEEPEST):
        below: list[Path] = []
        for place in level if depth < 2 else level[:MANY]:
            folders = subfolders(place)
            people = [folder for folder in folders if PTID.fullmatch(folder.name)]
            if any(subfolders(person) for person in people):
                return True
            below += [folder for folder in folders if not PTID.fullmatch(folder.name)]
        level = below
    return False


def find_people(root: Path) -> tuple[list[Path], list[Path]]:
    """Find the participants' folders.

    Args:
        root: The folder ``ADNI``, its parent, or the parent of several downloads.

    Returns:
        The participants' folders, and the folders around them, in which tables may lie.

    Raises:
        UserError: No such folder, or no participant in it.
    """
    people, around = [], []
    level = [existing_folder(root, "the one that holds ADNI/ or its parts")]
    for _ in range(DEEPEST):
        around += level
        below = [sub for folder in level for sub in subfolders(folder)]
        people += [folder for folder in below if PTID.fullmatch(folder.name)]
        level = [folder for folder in below if not PTID.fullmatch(folder.name)]
    if not people:
        packed = next(root.glob("*.zip"), None)
        hint = f"unpack {packed.name} first" if packed else "its folders are named 002_S_4711"
        raise UserError(f"{root}: not a download of ADNI: no participant's folder; {hint}")
    if any(person.parent == root for person in people):
        around.append(root.absolute().parent)  # tables usually lie beside the folder ADNI
    return people, around
