"""Reasons why a scan is not used."""

from collections.abc import Iterator
from contextlib import contextmanager
from gzip import BadGzipFile
from pathlib import Path

from nibabel.filebasedimages import ImageFileError

from longibench.benchmark.core.found_files import why_absent


class DamagedScanError(Exception):
    """A scan that cannot be used.

    Attributes:
        kind: One of few reasons, by which failures are counted, such as ``"not 3D"``.
        detail: What was found in this scan, and how to fix it if that is known.
    """

    def __init__(self, kind: str, detail: str = "") -> None:
        super().__init__(kind, detail)  # both, so that it can be pickled
        self.kind = kind
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.kind}: {self.detail}" if self.detail else self.kind


UNREADABLE = "cannot be read"
NOT_NOW = "cannot be read at the moment"
NO_IMAGE = "not an image of a known kind"
NOT_3D = "not 3D"
VOXEL_TYPE = "voxels of a kind that cannot be used"
NO_ORIENTATION = "no orientation in its header"
BAD_GEOMETRY = "impossible geometry in its header"
TOO_SMALL = "covers too little"
NOT_FINITE = "not finite"
CONSTANT = "constant"
NO_HEAD = "no head in it"
BRAIN = "brain extraction failed"
BIAS = "bias correction failed"
REGISTRATION = "registration failed"
DICOM = "DICOM cannot be converted"
FIRST_DAMAGED = "the subject's first scan is damaged"
# Failures that the bytes need not cause: of the disk, of the memory, of the file's name.
RETRIED = (NOT_NOW, NO_IMAGE)
ONLY_ONE = "the subject's only usable scan"


def refuse_absent(path: Path, where: str = "") -> None:
    """Refuse a file without content on disk, such as a pointer of git-annex.

    Args:
        path: The file.
        where: Begins the detail, such as the slice of a series.

    Raises:
        DamagedScanError: With the reason, and how to get the content.
    """
    if problem := why_absent(path):
        raise DamagedScanError(UNREADABLE, where + problem)


@contextmanager
def named_problems() -> Iterator[None]:
    """Raise whatever a reader raises as ``DamagedScanError``."""
    try:
        yield
    except DamagedScanError:
        raise
    except ImageFileError as error:
        raise DamagedScanError(NO_IMAGE, _reason(error)) from error
    except (MemoryError, OSError) as error:
        lasting = isinstance(error, BadGzipFile | FileNotFoundError)
        raise DamagedScanError(UNREADABLE if lasting else NOT_NOW, _reason(error)) from error
    except Exception as error:  # readers of many formats raise many errors
        raise DamagedScanError(UNREADABLE, _reason(error)) from error


def _reason(error: BaseException) -> str:
    """The first line of an error's message."""
    reason = error.strerror if isinstance(error, OSError) else None
    return reason or (str(error).splitlines() or [type(error).__name__])[0]
