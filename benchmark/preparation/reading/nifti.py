"""The one reader of NIfTI files: the header is checked before any voxel is read or allocated."""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from math import prod
from pathlib import Path
from typing import IO, Any

import nibabel as nib
import numpy as np
from nibabel.arrayproxy import ArrayProxy
from numpy.typing import NDArray

from longibench.benchmark.preparation.reading.header import LONGEST, parse_header
from longibench.benchmark.preparation.reading.problems import (
    NO_IMAGE,
    UNREADABLE,
    DamagedScanError,
    named_problems,
    refuse_absent,
)

GZIP_MAGIC = b"\x1f\x8b"
GZIP_MOST = 1032  # highest compression of deflate (RFC 1951: 258 bytes in two bits)
MOST_VOXELS = 2**29  # 0.13 mm voxels of a whole head


def read_header(path: Path) -> Any:
    """Read and check the header of a ``.nii`` or ``.nii.gz`` file; no voxel is read.

    Returns:
        The header, as ``parse_header`` gives it.

    Raises:
        DamagedScanError: It is not a readable volume, or larger than its file can be.
    """
    with _opened(path) as file:
        return _header(file, path)


def read_nifti(path: Path) -> Any:
    """Read a ``.nii`` or ``.nii.gz`` file into memory, of NIfTI-1 or -2.

    At most the bytes that the header announces are read or decompressed, and one more.

    Returns:
        nibabel's image (X, Y, Z). Every byte has been read, so the checksum of a compressed file is
        verified.

    Raises:
        DamagedScanError: It is not a readable volume.
    """
    with _opened(path) as file:
        header = _header(file, path)
        content = _content(file, _size(header))
        kind = nib.Nifti2Image if isinstance(header, nib.Nifti2Header) else nib.Nifti1Image
        return kind(ArrayProxy(BytesIO(content), header), header.get_best_affine(), header)


def float_values(image: Any) -> NDArray[np.float32]:
    """Values of an image, scaled by its header; values beyond float32 are infinite."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(image.dataobj, dtype=np.float32)


def check_room(shape: tuple[int, ...], size: int, held: int, packed: bool) -> None:
    """Refuse a size that a file cannot have, before it is allocated.

    Args:
        shape: Number of voxels along each axis.
        size: Bytes of the volume, uncompressed.
        held: Bytes of the file.
        packed: Whether the file is compressed.

    Raises:
        DamagedScanError: The volume is larger than the file can be, or than any scan is.
    """
    if prod(shape) > MOST_VOXELS:
        raise DamagedScanError(
            UNREADABLE,
            f"its header announces {' x '.join(map(str, shape))} voxels, more than {MOST_VOXELS}, "
            "the most of a volume",
        )
    if size > held * (GZIP_MOST if packed else 1):
        raise DamagedScanError(
            UNREADABLE, f"it is cut off: its header announces {size} bytes, the file has {held}"
        )


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    """The file, uncompressed; every error within is a ``DamagedScanError``."""
    refuse_absent(path)
    with named_problems():
        packed = _is_packed(path)
        _check_kind(path, packed)
        with gzip.open(path) if packed else path.open("rb") as file:
            yield file  # type: ignore[misc]


def _is_packed(path: Path) -> bool:
    return path.name.lower().endswith(".gz")


def _check_kind(path: Path, packed: bool) -> None:
    with path.open("rb") as file:
        start = file.read(4)
    if not start:
        raise DamagedScanError(UNREADABLE, "the file is empty")
    if packed and not start.startswith(GZIP_MAGIC):
        raise DamagedScanError(NO_IMAGE, "it is named .gz but is not compressed by gzip")
    if not packed and start.startswith(GZIP_MAGIC):
        raise DamagedScanError(NO_IMAGE, "it is compressed by gzip; its name should end in .gz")


def _header(file: IO[bytes], path: Path) -> Any:
    header = parse_header(file.read(LONGEST))
    shape = tuple(header.get_data_shape())
    check_room(shape, _size(header), path.stat().st_size, _is_packed(path))
    return header


def _content(file: IO[bytes], size: int) -> bytes:
    """All bytes of an uncompressed file, which must be ``size``."""
    file.seek(0)
    content = file.read(size + 1)
    if len(content) != size:
        what = "cut off" if len(content) < size else "longer"
        held = str(len(content)) if len(content) < size else f"more than {size}"
        raise DamagedScanError(
            UNREADABLE, f"it is {what}: its header announces {size} bytes, it holds {held}"
        )
    return content


def _size(header: Any) -> int:
    """Bytes of an uncompressed file with this header."""
    return int(header["vox_offset"]) + prod(header.get_data_shape()) * (
        header.get_data_dtype().itemsize
    )
