"""Atomic writes, and digests of what was written."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from glob import escape
from itertools import chain
from pathlib import Path
from secrets import token_hex
from typing import Any

from longibench.benchmark.core.errors import UserError, shortened

DIGEST_LENGTH = 12
UNFINISHED = ".unfinished-"  # beginning of the name of what is being written
TEMPORARY = ("{}????????-{}", "{}{}-????????")  # patterns of the names of a file and of a folder

FileState = tuple[int, int]


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path next to ``path`` that replaces it when the block succeeds.

    The temporary name keeps the suffixes, so that libraries choose the same format.

    Raises:
        UserError: The disk is full, the folder read-only, or another failure to write.
    """
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{UNFINISHED}{token_hex(4)}-{path.name}")
        try:
            yield temporary
            sync(temporary)
            os.replace(temporary, path)
            sync(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder that becomes ``path`` when the block succeeds.

    Raises:
        UserError: Writing failed; what had been written is removed.
    """
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f"{UNFINISHED}{path.name}-", dir=path.parent))
        temporary.chmod(0o755)  # mkdtemp makes it private; the data need not be
        try:
            yield temporary
            for file in temporary.rglob("*"):
                sync(file)
            os.rename(temporary, path)
            sync(path.parent)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def sweep(path: Path) -> None:
    """Remove what a killed process left unfinished.

    Args:
        path: A file or folder that no other process writes: leftovers of it, next to it, and if it
            is a folder those in it are removed.
    """
    beside = [path.parent.glob(name.format(UNFINISHED, escape(path.name))) for name in TEMPORARY]
    for leftover in chain(path.glob(f"{UNFINISHED}*"), *beside):
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically."""
    with atomic_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write a value as readable JSON, atomically."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def file_digest(path: Path) -> str:
    """SHA256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_state(path: Path) -> FileState:
    """Size in bytes and modification time in ns; if both are equal, the bytes are assumed to be."""
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def digest(value: Any) -> str:
    """Short digest of a JSON value; the order of keys does not matter."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:DIGEST_LENGTH]


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn a failure to write into a message with what to do about it."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        where = shortened(str(path))
        raise UserError(
            f"cannot write {where}: {reason}. Free some space or choose another folder; "
            "finished work is kept, and the same command continues."
        ) from error


def sync(path: Path) -> None:
    """Wait until the bytes of a file, or the names of a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
