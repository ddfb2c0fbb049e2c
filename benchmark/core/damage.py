"""Find what was changed since it was written, name it, and remove it: it is then made again."""

from collections.abc import Container, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from longibench.benchmark.core.console import Console
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.files import explained
from longibench.benchmark.core.folder_digests import Finding, digests_of
from longibench.benchmark.core.workspace import FILE_DIGESTS

LOG = ".log"  # is appended to, and read by people only


def remove_changed(folder: Path, console: Console, only: Container[str] | None = None) -> set[str]:
    """Remove the files of a folder whose bytes are not those that were written.

    The caller holds the folder's lock.

    Args:
        folder: A folder with digests, or without.
        console: Where each removed file is named.
        only: Names of the files that may be removed; None for all.

    Returns:
        Names of the removed files.

    Raises:
        UserError: A file cannot be read or removed.
    """
    changed = {name for name in digests_of(folder).changed() if only is None or name in only}
    for name in sorted(changed):
        path = folder / name
        console.warn(f"{path}: {Finding.CHANGED.value}; it is removed and made again")
        try:
            path.unlink()
        except OSError as error:
            raise UserError(f"{path}: cannot be removed: {error.strerror}") from error
    return changed


def missing(folder: Path) -> set[str]:
    """Names of files that were written to a folder and are gone."""
    digests = digests_of(folder)
    return {name for name in digests.entries if not (folder / name).exists()}


def record_tree(folder: Path) -> None:
    """Record the digests of all files below a folder.

    Raises:
        UserError: Writing failed.
    """
    with explained(folder):
        digests_of(folder).record_all(_tree(folder))


def is_whole(folder: Path, root: Path, console: Console) -> bool:
    """Whether all files of ``record_tree`` are there as they were; names the first that is not.

    Without digests, the files are taken as they are, with a warning.

    Args:
        folder: The folder.
        root: The workspace, for the warning.
        console: For warnings.

    Raises:
        UserError: There is a file that does not belong there.
    """
    digests, found = digests_of(folder), _tree(folder)
    if not digests.entries:
        console.warn(_taken_over(root, [folder]))
        record_tree(folder)
        return True
    foreign = sorted(set(found) - set(digests.entries))
    if foreign:
        raise UserError(
            f"{folder / foreign[0]}: does not belong to the simulated cohort; move it away, or "
            f"delete {folder}, and run the same command again"
        )
    for name in sorted(digests.entries):
        finding = digests.check(name)
        if finding is not Finding.INTACT:
            console.warn(f"{folder / name}: {finding.value}; the cohort is simulated again")
            return False
    return True


def _tree(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if _is_kept(p))


def _is_kept(path: Path) -> bool:
    """Whether a file gets a digest: none of the system's, no log, not the digests themselves."""
    hidden = path.name.startswith((".", FILE_DIGESTS))
    return path.is_file() and not hidden and path.suffix != LOG


def take_over(folders: Iterable[Path], root: Path, console: Console) -> None:
    """Record digests in folders that have none: an earlier version wrote them.

    Their files are taken as they are, with one warning.

    Args:
        folders: The folders; files are listed in each, not below it.
        root: The workspace, for the warning.
        console: For the warning.
    """
    old = [(folder, files) for folder in folders if (files := _without_digests(folder))]
    if not old:
        return
    console.warn(_taken_over(root, [folder for folder, _ in old]))
    with suppress(OSError):  # a workspace that may only be read
        for folder, files in old:
            digests_of(folder).record_all(path.name for path in files)


def _taken_over(root: Path, folders: Sequence[Path]) -> str:
    return (
        f"{root}: {len(folders)} folder(s) without digests, such as {folders[0]}: an earlier "
        f"version wrote them, or {FILE_DIGESTS} was removed. Their files are taken as they are and "
        "get digests now"
    )


def _without_digests(folder: Path) -> list[Path]:
    """The files of a folder in which no digest is recorded; empty for any other folder."""
    if not folder.is_dir() or digests_of(folder).entries:
        return []
    return sorted(path for path in folder.iterdir() if _is_kept(path))
