"""Write a file with its digest, and read it with a check: one way for each kind of file."""

import io
import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
from pandas.errors import ParserWarning
from pydantic import TypeAdapter, ValidationError

from longibench.benchmark.core.files import atomic_file, explained, sync
from longibench.benchmark.core.folder_digests import (
    AGAIN,
    DamagedFileError,
    Finding,
    digests_of,
)

Shape = TypeVar("Shape")

# What reading raises if the content is not what it should be; pandas' and numpy's errors are these.
CONTENT_ERRORS = (
    *(ValueError, TypeError, KeyError, IndexError, AttributeError),
    *(OverflowError, RecursionError, MemoryError, EOFError, ParserWarning),
)


@contextmanager
def checked_file(path: Path) -> Iterator[Path]:
    """Like ``atomic_file``, and the digest of the bytes is recorded before the file appears.

    Raises:
        UserError: As ``atomic_file``.
    """
    with atomic_file(path) as temporary:
        yield temporary
        with explained(path):
            sync(temporary)  # takes long; what follows, until the file appears, does not
            digests_of(path.parent).record(path.name, temporary)


def write_text(path: Path, text: str) -> None:
    """Write a text file with its digest, atomically."""
    with checked_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write a value as readable JSON with its digest, atomically."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table as CSV with its digest, atomically."""
    write_text(path, table.to_csv(index=False))


def read_bytes(path: Path, advice: str = AGAIN) -> bytes:
    """Read a file; one without a digest is read as it is.

    Args:
        path: The file.
        advice: What to do if it is damaged.

    Raises:
        DamagedFileError: It is missing, cannot be read, or has changed since it was written.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise DamagedFileError(path, "no such file", advice) from error
    except OSError as error:
        raise DamagedFileError(path, f"cannot be read: {error.strerror}", advice) from error
    digests = digests_of(path.parent)
    if digests.verify(path.name, content) or path.name not in digests.entries:
        return content
    require_intact(path, advice)
    return path.read_bytes()  # it was being replaced


def require_intact(path: Path, advice: str = AGAIN) -> None:
    """Check a file against its digest; one without a digest passes.

    Raises:
        DamagedFileError: It is missing, cannot be read, or has changed since it was written.
    """
    found = digests_of(path.parent).check(path.name)
    if found in (Finding.CHANGED, Finding.MISSING):
        raise DamagedFileError(path, found.value, advice)


def is_intact(path: Path) -> bool:
    """Whether a file exists with the bytes that were recorded."""
    return digests_of(path.parent).check(path.name) is Finding.INTACT


def read_json(path: Path, shape: type[Shape], advice: str = AGAIN) -> Shape:
    """Read a JSON file.

    Args:
        path: The file.
        shape: What it must hold: a type that pydantic can check, such as ``dict[str, Any]``.
        advice: What to do if it is damaged.

    Raises:
        DamagedFileError: As ``read_bytes``, or it holds something else.
    """
    content = read_bytes(path, advice)
    try:
        return TypeAdapter(shape).validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        where = f" at '{place}'" if place else ""
        raise DamagedFileError(path, f"cannot be read{where}: {first['msg']}", advice) from error


def read_table(path: Path, advice: str = AGAIN, options: Mapping[str, Any] = {}) -> pd.DataFrame:
    """Read a CSV file.

    Args:
        path: The file.
        advice: What to do if it is damaged.
        options: Of ``pandas.read_csv``.

    Raises:
        DamagedFileError: As ``read_bytes``, or it is no table.
    """
    content = read_bytes(path, advice)
    with understood(path, advice, "cannot be read as a table"), warnings.catch_warnings():
        warnings.simplefilter("error", ParserWarning)  # a row longer than the header is cut
        return pd.read_csv(io.BytesIO(content), index_col=False, **options)


@contextmanager
def understood(path: Path, advice: str = AGAIN, problem: str = "cannot be read") -> Iterator[None]:
    """Turn what a file's content makes Python raise into the named error.

    Args:
        path: The file.
        advice: What to do about it.
        problem: The beginning of the error, before the reason.

    Raises:
        DamagedFileError: With the first line of what was raised.
    """
    try:
        yield
    except CONTENT_ERRORS as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise DamagedFileError(path, f"{problem}: {reason}", advice) from error
