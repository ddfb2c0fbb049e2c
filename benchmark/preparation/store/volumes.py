"""Prepared volumes as files: NIfTI of 16 bits with voxels in the memory order of a tensor.

A volume in [-1, 1] is stored as whole numbers of 1 / 32767, which any NIfTI reader scales back. The
error is at most half a step, 1.5e-5; -1, 0 and 1 are exact. NIfTI's first axis runs fastest, a
tensor's last: the file's axes therefore run superior, anterior, right (as in its affine), and a
volume is read without transposing it. ``docs/store.md`` has the measurements for these choices.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import IO, Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from longibench.benchmark.core.checked_files import checked_file
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.preparation.reading.header import affine_of, has_orientation
from longibench.benchmark.preparation.reading.nifti import float_values, read_header, read_nifti
from longibench.benchmark.preparation.reading.problems import DamagedScanError

STEPS = 32767  # whole numbers from 0 to 1
VOXELS_AT = 352  # bytes before the voxels: the header and the mark that no extension follows
PLANES = 16  # read at a time: few enough to be decoded within the processor's cache
REVERSED = [2, 1, 0, 3]  # columns of an affine whose voxel axes are reversed
CANONICAL = ((0, 1), (1, 1), (2, 1))  # nibabel's orientation of axes right, anterior, superior

Volume = NDArray[np.float32]


def load_nifti(path: str | Path) -> Any:
    """Read a NIfTI file with its axes nearest to right, anterior, superior.

    The order of the axes on disk may differ, as in prepared volumes. The axes of a file without an
    orientation are taken as they are.

    Returns:
        nibabel's image (X, Y, Z).

    Raises:
        DamagedScanError: It cannot be read; see ``reading/nifti.py``.
    """
    image = read_nifti(Path(path))
    if not has_orientation(image.header):
        return type(image)(image.dataobj, affine_of(image.header), image.header)
    with np.errstate(over="ignore", invalid="ignore"):  # of a damaged scaling
        return nib.as_closest_canonical(image)


def read_space(path: str | Path) -> tuple[tuple[int, ...], NDArray[np.float64]]:
    """Shape and affine that ``load_nifti`` gives, from the header alone.

    Raises:
        DamagedScanError: The file cannot be read, or its header describes no volume.
    """
    header = read_header(Path(path))
    stored, affine = header.get_data_shape(), affine_of(header)
    orientation = nib.io_orientation(affine)
    if np.array_equal(orientation, CANONICAL):
        return tuple(stored), affine
    shape = list(stored)
    for axis, place in enumerate(orientation[:, 0].astype(int)):
        shape[place] = stored[axis]
    return tuple(shape), affine @ nib.orientations.inv_ornt_aff(orientation, stored)


def prepared_space(path: str | Path) -> tuple[tuple[int, ...], NDArray[np.float64]]:
    """Shape and affine of a prepared volume.

    Raises:
        UserError: The file cannot be read.
    """
    with _prepared(path):
        return read_space(path)


def write_volume(path: Path, volume: Volume, affine: NDArray[np.float64]) -> None:
    """Store a prepared volume, atomically.

    Args:
        path: The file; ends in ``.nii``.
        volume: Intensities (X, Y, Z) in [-1, 1], axes right, anterior, superior.
        affine: Voxel indices to world mm, (4, 4).

    Raises:
        ValueError: A value beyond [-1, 1] or not finite, which 16 bits cannot store.
        UserError: Writing failed.
    """
    if not np.abs(volume).max() <= 1:
        raise ValueError("a prepared volume must lie within [-1, 1]")
    steps = np.rint(volume.astype(np.float32) * STEPS).astype(np.int16)
    image = nib.Nifti1Image(steps.T, affine[:, REVERSED])
    image.header.set_slope_inter(1 / STEPS, 0)
    image.header.set_xyzt_units("mm")
    image.set_qform(image.affine, code=1)
    image.set_sform(image.affine, code=1)
    with checked_file(path) as temporary:
        nib.save(image, temporary)


def read_volume(path: str | Path) -> Volume:
    """Read a prepared volume: (X, Y, Z) float32, axes as by ``load_nifti``.

    Any other NIfTI is read too, more slowly.

    Raises:
        UserError: The file cannot be read or is cut off.
    """
    volume = np.empty(volume_shape(path), np.float32)
    read_into(path, volume)
    return volume


def volume_shape(path: str | Path) -> tuple[int, int, int]:
    """Shape (X, Y, Z) of a volume.

    Raises:
        UserError: The file cannot be read.
    """
    with _prepared(path):
        with open(path, "rb", buffering=0) as file:
            header = _header(file)
        x, y, z = header["dim"][3:0:-1] if header is not None else read_space(path)[0]
    return int(x), int(y), int(z)


def read_into(path: str | Path, out: Volume) -> None:
    """Read a volume into an existing array, such as the middle of a padded batch.

    Args:
        path: A prepared volume, or any other NIfTI.
        out: The array: (X, Y, Z) float32 of any strides.

    Raises:
        UserError: The file cannot be read, is cut off, or has another shape.
    """
    shape = volume_shape(path)
    if shape != out.shape:
        raise UserError(
            f"{path}: its shape is {shape}, not {out.shape} like that of other volumes; "
            "was it replaced? Remove it and run the same command again"
        )
    with _prepared(path):
        if not _read_prepared(path, out):
            out[...] = float_values(load_nifti(path))


def _read_prepared(path: str | Path, out: Volume) -> bool:
    """Read a file that ``write_volume`` wrote; False for any other file."""
    with open(path, "rb", buffering=0) as file:
        if _header(file) is None:
            return False
        buffer = np.empty((PLANES, *out.shape[1:]), np.int16)
        for first in range(0, len(out), PLANES):
            part = out[first : first + PLANES]
            planes = buffer[: len(part)]
            if file.readinto(planes.data.cast("B")) != planes.nbytes:
                raise EOFError("the file is cut off")
            part[...] = planes
            part *= np.float32(1 / STEPS)
    return True


def _header(file: IO[bytes]) -> Any | None:
    """The header of a file that ``write_volume`` wrote, or None for any other.

    The file is left at its first voxel. A file of another size than its header's is another one.
    """
    start = file.read(VOXELS_AT)
    if len(start) < VOXELS_AT:
        return None
    header = np.frombuffer(start[:348], nib.nifti1.header_dtype.newbyteorder("<"))[0]
    written = (
        header["magic"] == b"n+1"
        and header["dim"][0] == 3
        and header["datatype"] == nib.nifti1.data_type_codes[np.int16]
        and header["vox_offset"] == VOXELS_AT
        and header["scl_slope"] == np.float32(1 / STEPS)
        and header["scl_inter"] == 0
        and header["sform_code"] > 0
    )
    if not written or not _axes_are_reversed(header):
        return None
    size = VOXELS_AT + 2 * prod(header["dim"][1:4].tolist())
    return header if os.fstat(file.fileno()).st_size == size else None


def _axes_are_reversed(header: Any) -> bool:
    """Whether a file's axes run superior, anterior, right."""
    rows = np.array([header[f"srow_{axis}"][:3] for axis in "zyx"])
    return bool((rows.diagonal() > 0).all() and np.count_nonzero(rows) == 3)


@contextmanager
def _prepared(path: str | Path) -> Iterator[None]:
    """Name the file in an error, and what restores a prepared volume."""
    try:
        yield
    except (DamagedScanError, OSError, EOFError) as error:
        reason = error.detail if isinstance(error, DamagedScanError) else str(error)
        raise UserError(
            f"{path}: cannot be read: {reason}. If it is a prepared volume, remove what is left of "
            "it and run the same command again (if that is 'evaluate' without --against, the 'run' "
            "before it): missing volumes are prepared again"
        ) from error
