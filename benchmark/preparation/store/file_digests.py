"""Cached digests of files."""

import json
from hashlib import sha256
from pathlib import Path

from longibench.benchmark.core.checked_files import read_json, write_json
from longibench.benchmark.core.console import Console
from longibench.benchmark.core.files import digest, file_digest, file_state
from longibench.benchmark.core.folder_digests import DamagedFileError
from longibench.benchmark.core.found_files import may_be_data
from longibench.benchmark.preparation.reading.problems import (
    UNREADABLE,
    DamagedScanError,
    refuse_absent,
)

Known = tuple[int, str, str]  # number of files, digest of their states, SHA256


class Digests:
    """SHA256 of files, cached while their size and modification time are unchanged."""

    def __init__(self, path: Path, console: Console | None = None) -> None:
        """Args: the file of cached digests; where to warn of a damaged one."""
        self._path = path
        self._known: dict[str, Known] = {}
        self._changed = False
        try:
            self._known = read_json(path, dict[str, Known], "all scans are read again")
        except DamagedFileError as error:  # a lost cache only costs time
            if path.exists():
                (console or Console()).warn(str(error))

    def of(self, file: Path) -> str:
        """Digest of a file.

        The digest of a folder, such as one of DICOM slices, or of an image with a separate header
        file, is that of all files' names and bytes.

        Raises:
            DamagedScanError: It cannot be read, is not on disk, or is empty.
        """
        try:
            refuse_absent(file)
            files = _parts(file)
            if file.is_dir() and not files:
                raise DamagedScanError(UNREADABLE, "an empty folder")
            states = [[path.name, *file_state(path)] for path in files or [file]]
            if not any(size for _, size, _ in states):
                raise DamagedScanError(UNREADABLE, "the file is empty")
            state = (len(states), digest(states))
            known = self._known.get(str(file.resolve()))
            if known and known[:2] == state:
                return known[2]
            value = _joint_digest(files) if files else file_digest(file)
        except OSError as error:
            raise DamagedScanError(UNREADABLE, str(error.strerror)) from error
        self._known[str(file.resolve())] = (*state, value)
        self._changed = True
        return value

    def save(self) -> None:
        """Write the computed digests."""
        if self._changed:
            write_json(self._path, self._known)
            self._changed = False


def _parts(file: Path) -> list[Path]:
    """The files of a scan; empty for a single file."""
    pair = [file.with_suffix(suffix) for suffix in (".hdr", ".img")]
    if file in pair and all(path.is_file() for path in pair):
        return pair
    below = [path for path in file.rglob("*") if path.is_file()]
    return sorted(path for path in below if may_be_data(path.relative_to(file)))


def _joint_digest(files: list[Path]) -> str:
    parts = [[path.name, file_digest(path)] for path in files]
    return sha256(json.dumps(parts).encode()).hexdigest()
