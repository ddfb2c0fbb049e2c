"""Cached digests of files."""

import json
from hashlib import sha256
from pathlib import Path

from longibench.benchmark.core.files import digest, file_digest, file_state, write_json
from longibench.benchmark.preparation.reading.problems import UNREADABLE, DamagedScanError


class Digests:
    """SHA256 of files, cached while their size and modification time are unchanged."""

    def __init__(self, path: Path) -> None:
        """Args: the file of cached digests."""
        self._path = path
        self._known: dict[str, list[object]] = {}
        self._changed = False
        try:
            self._known = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            self._known = {}  # a lost cache only costs time

    def of(self, file: Path) -> str:
        """Digest of a file.

        The digest of a folder, such as one of DICOM slices, or of an image with a separate header
        file, is that of all files' names and bytes.

        Raises:
            DamagedScanError: It cannot be read, or is empty.
        """
        try:
            files = _parts(file)
            if file.is_dir() and not files:
                raise DamagedScanError(UNREADABLE, "an empty folder")
            states = [[path.name, *file_state(path)] for path in files or [file]]
            if not any(size for _, size, _ in states):
                raise DamagedScanError(UNREADABLE, "the file is empty")
            state = [len(states), digest(states)]
            known = self._known.get(str(file.resolve()))
            if known and known[:2] == state:
                return str(known[2])
            value = _joint_digest(files) if files else file_digest(file)
        except OSError as error:
            raise DamagedScanError(UNREADABLE, str(error.strerror)) from error
        self._known[str(file.resolve())] = [*state, value]
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
    return sorted(path for path in file.rglob("*") if path.is_file())


def _joint_digest(files: list[Path]) -> str:
    parts = [[path.name, file_digest(path)] for path in files]
    return sha256(json.dumps(parts).encode()).hexdigest()
