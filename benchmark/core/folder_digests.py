"""Digests of the files of a folder, recorded before a file appears and checked when it is read.

``digests.csv`` of a folder has a line for each file that a later step relies on. Lines are only
appended, so that several processes can write; of several lines for a file, the last one counts.
"""

import errno
import hashlib
import json
import os
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from pathlib import Path

from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.files import FileState, file_digest, file_state
from longibench.benchmark.core.names import is_inside
from longibench.benchmark.core.workspace import FILE_DIGESTS

COLUMNS = ("file", "sha256", "size", "mtime_ns")
SMALL = 1 << 20  # bytes; a larger file with the recorded size and time is not hashed again
PATIENCE = 0.2  # seconds for another process to replace the file whose digest it has recorded
AGAIN = "the same command that made it ('run', 'curve' or 'evaluate') makes it again"


class Finding(Enum):
    """The result of comparing a file with its digest."""

    INTACT = "its bytes are those that were written"
    CHANGED = "its bytes have changed since they were written"
    MISSING = "it does not exist"
    UNLISTED = "it has no digest"


class DamagedFileError(UserError):
    """A file is missing, was changed, or is not what it should be."""

    def __init__(self, path: Path, problem: str, advice: str = AGAIN) -> None:
        """Args: the file; what is wrong with it; what to do."""
        super().__init__(f"{path}: {problem}; {advice}")


@dataclass(frozen=True)
class Entry:
    """The last line of a file: its digest, size in bytes, and modification time in ns."""

    sha256: str
    state: FileState

    def is_same(self, other: "Entry") -> bool:
        """Whether both are of the same bytes; of a large file also of the same time."""
        same = (self.sha256, self.state[0]) == (other.sha256, other.state[0])
        return same and (self.state[0] <= SMALL or self.state == other.state)


class FolderDigests:
    """The digests of one folder, read again when another process has added some."""

    def __init__(self, folder: Path) -> None:
        """Args: the folder; it may not exist yet."""
        self._folder = folder
        self._path = folder / FILE_DIGESTS
        self._entries: dict[str, Entry] = {}
        self._seen: tuple[int, ...] = ()
        self._end = 0  # of the last whole line that was read
        self._lock = threading.Lock()

    @property
    def entries(self) -> dict[str, Entry]:
        """The recorded files by name, relative to the folder."""
        with self._lock:
            self._refresh()
            return dict(self._entries)

    def _entry(self, name: str) -> Entry | None:
        with self._lock:
            self._refresh()
            return self._entries.get(name)

    def record(self, name: str, written: Path) -> None:
        """Record the bytes of ``written``, which is or becomes the file of this name.

        Raises:
            OSError: Writing failed.
        """
        entry, known = _entry_of(written), self._entry(name)
        if known is None or not known.is_same(entry):
            self._append({name: entry})

    def record_all(self, names: Iterable[str]) -> None:
        """Record files that exist, in one write: all of them or none; one that vanishes is skipped.

        Raises:
            OSError: Writing failed.
        """
        found: dict[str, Entry] = {}
        for name in names:
            with suppress(FileNotFoundError):
                found[name] = _entry_of(self._folder / name)
        self._append(found)

    def check(self, name: str) -> Finding:
        """Compare a file with its digest; a large one with the recorded size and time is trusted.

        Raises:
            UserError: The file cannot be read.
        """
        found = self._check(name)
        if found is Finding.CHANGED:  # or it is being replaced
            time.sleep(PATIENCE)
            found = self._check(name)
        return found

    def changed(self) -> set[str]:
        """Names of the recorded files whose bytes have changed.

        Raises:
            UserError: A file cannot be read.
        """
        names = {name for name in self.entries if self._check(name) is Finding.CHANGED}
        if names:  # or they are being replaced
            time.sleep(PATIENCE)
        return {name for name in names if self._check(name) is Finding.CHANGED}

    def _check(self, name: str) -> Finding:
        entry, path = self._entry(name), self._folder / name
        try:
            state = file_state(path)
            if entry is None:
                return Finding.UNLISTED
            same = state == entry.state
            if same and entry.state[0] > SMALL:
                return Finding.INTACT
            if state[0] != entry.state[0] or file_digest(path) != entry.sha256:
                return Finding.CHANGED
        except (FileNotFoundError, NotADirectoryError):
            return Finding.MISSING
        except OSError as error:
            raise DamagedFileError(path, f"cannot be read: {error.strerror}") from error
        if not same and state[0] > SMALL:  # copied or moved: not hashed again next time
            with suppress(OSError):
                self._append({name: Entry(entry.sha256, state)})
        return Finding.INTACT

    def verify(self, name: str, content: bytes) -> bool:
        """Whether bytes that were read are those of the file of this name."""
        entry = self._entry(name)
        return entry is not None and hashlib.sha256(content).hexdigest() == entry.sha256

    def _append(self, entries: dict[str, Entry]) -> None:
        lines = "".join(_line(name, entry) for name, entry in entries.items())
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT
        descriptor = os.open(self._path, flags, 0o644)
        try:
            size = os.fstat(descriptor).st_size
            if size and os.pread(descriptor, 1, size - 1) != b"\n":  # the end of an earlier write
                lines = "\n" + lines
            head = "" if size else ",".join(COLUMNS) + "\n"
            content = (head + lines).encode()
            if os.write(descriptor, content) < len(content):  # one write: lines do not mix
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        finally:
            os.close(descriptor)

    def _refresh(self) -> None:
        """Read what was appended; the whole file if it is another one."""
        try:
            status = self._path.stat()
            seen = (status.st_ino, status.st_size, status.st_mtime_ns)
            if seen == self._seen:
                return
            if seen[:1] != self._seen[:1] or status.st_size <= self._seen[1]:
                self._entries, self._end = {}, 0
            with self._path.open("rb") as file:
                file.seek(self._end)
                lines, newline, _ = file.read().rpartition(b"\n")
            self._end += len(lines) + len(newline)
            self._entries |= dict(_parsed(lines.decode("utf-8", "replace")))
            self._seen = seen
        except OSError:
            self._entries, self._seen, self._end = {}, (), 0


def _entry_of(path: Path) -> Entry:
    return Entry(file_digest(path), file_state(path))


def _line(name: str, entry: Entry) -> str:
    size, changed = entry.state
    return f"{json.dumps(name)[1:-1]},{entry.sha256},{size},{changed}\n"


def _parsed(text: str) -> Iterator[tuple[str, Entry]]:
    """Files with a whole line; the header and what is left of a damaged one are skipped."""
    for line in text.splitlines():
        with suppress(ValueError):
            name, sha256, size, changed = line.rsplit(",", 3)
            file = json.loads(f'"{name}"')
            if len(sha256) == 64 and is_inside(file):  # a listed file that changed is removed
                yield file, Entry(sha256, (int(size), int(changed)))


@lru_cache(maxsize=256)
def digests_of(folder: Path) -> FolderDigests:
    """The digests of a folder; shared in a process, so that they are read once."""
    return FolderDigests(folder)
