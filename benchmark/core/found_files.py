"""The one rule of which files from outside may be data: what is never listed, what is not there."""

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from longibench.benchmark.core.errors import UserError

# Hidden files, and what systems and programs write beside data: never listed, and no loss.
NEVER = re.compile(
    r"\..*|~\$.*|__MACOSX|@eaDir|#recycle|\$RECYCLE\.BIN|System Volume Information|lost\+found"
    r"|Thumbs\.db|ehthumbs\.db|desktop\.ini|Icon\r",
    re.IGNORECASE,
)
PLACEHOLDER = re.compile(r"\.(.+)\.icloud")  # of a file that is only in iCloud
BESIDE = ("._", "~$")  # beginnings of names that are never data, even if the user names one
FILE_NAME = (  # endings that make a folder no series
    *(".nii", ".nii.gz", ".mgz", ".img", ".hdr"),
    *(".csv", ".tsv", ".txt", ".xlsx", ".xls", ".json", ".yaml", ".yml"),
)
ENDING = re.compile(r"\.[a-z]\w*$", re.IGNORECASE)  # of a file, not of 2006-11-02_08_16_44.0
LONGEST_POINTER = 1024  # bytes: of Git LFS by its specification; git-annex's are shorter
POINTERS = {
    b"version https://git-lfs.github.com/spec/": (
        "a pointer of Git LFS without its content; run git lfs pull in its folder"
    ),
    b"/annex/objects/": "a pointer of git-annex without its content; {fetch}",
}
NO_SUCH = "no such folder or file"
FETCH = "run git annex get {name} (or datalad get {name}) in its folder"


def names_in(folder: Path | str) -> list[str]:
    """Names of the files and folders in a folder, sorted, without those of ``NEVER``.

    A file that is only in iCloud is listed under its own name. Nothing is opened.

    Raises:
        OSError: The folder cannot be listed.
    """
    names = {_shown(name) for name in os.listdir(folder)}
    return sorted(name for name in names if not NEVER.fullmatch(name))


def files_in(folder: Path, name: re.Pattern[str]) -> list[Path]:
    """Paths of a folder whose whole name matches a pattern, by name; none if it cannot be listed.

    They are listed by name alone: ``why_absent`` finds those that cannot be used.
    """
    try:
        return [folder / found for found in names_in(folder) if name.fullmatch(found)]
    except OSError:
        return []


def folders_in(folder: Path, lost: bool = False) -> list[Path]:
    """The folders in a folder, by name; none if it cannot be listed.

    Args:
        folder: Where to search. A link to one of the folders around it is not followed.
        lost: Whether links without a target count: a folder on a disk that is not mounted.
    """
    try:
        with os.scandir(folder) as found:
            shown = [e for e in found if not NEVER.fullmatch(e.name) and _is_folder(e, lost)]
    except OSError:
        return []
    return [Path(entry.path) for entry in sorted(shown, key=lambda entry: entry.name)]


def files_below(folder: Path, endings: tuple[str, ...]) -> Iterator[Path]:
    """Everything below a folder whose name has one of the endings, in any case, by name."""
    yield from files_in(folder, re.compile(f".*({'|'.join(map(re.escape, endings))})", re.I | re.S))
    for below in folders_in(folder):
        if not below.name.lower().endswith(endings):
            yield from files_below(below, endings)


def is_lost(path: Path) -> bool:
    """Whether a path is a link without a target."""
    return path.is_symlink() and not path.exists()


def may_be_data(path: Path) -> bool:
    """Whether no part of a relative path is one of ``NEVER``."""
    return not any(NEVER.fullmatch(part) for part in path.parts)


def why_absent(path: Path | str) -> str:
    """Why a path has no content to read, and how to get it; empty if it has.

    One call of the system for most files; only files of at most ``LONGEST_POINTER`` bytes are
    opened. Of a folder, such as a DICOM series, the first and the last file are examined.
    """
    name = os.path.basename(path)
    if name.startswith(BESIDE):
        return f"the system writes it beside {name[2:]}; it is no data"
    try:
        status = os.stat(path)
    except (OSError, ValueError) as error:  # a ValueError for a path that holds NUL
        return _why_missing(Path(path), error)
    if stat.S_ISDIR(status.st_mode):
        named = name.lower().endswith(FILE_NAME)
        return "it is a folder named like a file" if named else _why_empty(path)
    if not stat.S_ISREG(status.st_mode):
        return "it is neither a file nor a folder"
    return _why_pointer(Path(path)) if 0 < status.st_size <= LONGEST_POINTER else ""


def is_present(path: Path) -> bool:
    """Whether an optional file exists.

    Raises:
        UserError: Its name exists without the content: it would be ignored.
    """
    if not os.path.lexists(path) and not os.path.lexists(_placeholder(path)):
        return False
    require_content(path)
    return True


def require_content(path: Path) -> None:
    """Refuse a file that has no content to read.

    Raises:
        UserError: With the reason, and how to get the content.
    """
    if problem := why_absent(path):
        raise UserError(f"{path}: {problem}")


def _shown(name: str) -> str:
    match = PLACEHOLDER.fullmatch(name)
    return match[1] if match else name


def _placeholder(path: Path) -> Path:
    return path.with_name(f".{path.name}.icloud")


def _is_folder(entry: os.DirEntry[str], lost: bool) -> bool:
    try:
        if not entry.is_symlink():
            return entry.is_dir()
        if not os.path.exists(entry.path):
            return lost and not ENDING.search(entry.name)
        return entry.is_dir() and not _leads_back(entry.path)
    except OSError:
        return False


def _leads_back(link: str) -> bool:
    """Whether a link leads to a folder that contains it: a loop."""
    here = os.path.realpath(os.path.dirname(link))
    return Path(here).is_relative_to(os.path.realpath(link))


def _why_missing(path: Path, error: OSError | ValueError) -> str:
    """Why there is no such path: the first of its folders that exists is a link without target."""
    if os.path.lexists(_placeholder(path)):
        return f"it is only in iCloud; download it in the Finder, or run brctl download {path.name}"
    present = next((place for place in (path, *path.parents) if os.path.lexists(place)), path)
    if not present.is_symlink():
        absent = isinstance(error, FileNotFoundError | NotADirectoryError)
        return NO_SUCH if absent else str(getattr(error, "strerror", None) or error)
    target = os.readlink(present)
    if "annex/objects/" in target.replace(os.sep, "/"):
        return f"a link of git-annex without its content; {FETCH.format(name=path.name)}"
    what = "a link" if present == path else f"{present} is a link"
    return f"{what} to {target}, which does not exist; mount or restore it"


def _why_empty(folder: Path | str) -> str:
    """Why a folder of files cannot be used: none in it, or the first or last is absent."""
    try:
        names = names_in(folder)
    except OSError as error:
        return f"the folder cannot be listed: {error.strerror}"
    if not names:
        return "an empty folder"
    for name in dict.fromkeys((names[0], names[-1])):
        file = os.path.join(folder, name)
        if not os.path.isdir(file) and (problem := why_absent(file)):
            return f"{name}: {problem}"
    return ""


def _why_pointer(path: Path) -> str:
    try:
        with path.open("rb") as file:
            start = file.read(64)
    except OSError as error:
        return f"it cannot be read: {error.strerror}"
    for beginning, problem in POINTERS.items():
        if start.startswith(beginning):
            return problem.format(fetch=FETCH.format(name=path.name))
    return ""
