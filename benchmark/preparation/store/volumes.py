"""Prepared volumes as files: NIfTI of 16 bits with voxels in the memory order of a tensor.

A volume in [-1, 1] is stored as whole numbers of 1 / 32767, which any NIfTI reader scales back. The
error is at most half a step, 1.5e-5; -1, 0 and 1 are exact. NIfTI's first axis runs fastest, a
tensor's last: the file's axes therefore run superior, anterior, right (as in its affine), and a
volume is read without transposing it. ``docs/store.md`` has the measurements for these choices.
"""

from pathlib import Path
from typing import Any
from zlib import error as ZlibError

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.orientations import OrientationError
from nibabel.wrapstruct import WrapStructError
from numpy.typing import NDArray

from longibench.benchmark.core.checked_files import checked_file
from longibench.benchmark.core.errors import UserError

STEPS = 32767  # whole numbers from 0 to 1
VOXELS_AT = 352  # bytes before the voxels: the header and the mark that no extension follows
PLANES = 16  # read at a time: few enough to be decoded within the processor's cache
REVERSED = [2, 1, 0, 3]  # columns of an affine whose voxel axes are reversed
CANONICAL = ((0, 1), (1, 1), (2, 1))  # nibabel's orientation of axes right, anterior, superior
UNREADABLE = (
    OSError,
    EOFError,
    ValueError,
    ZlibError,
    ImageFileError,
    OrientationError,
    WrapStructError,
)

Volume = NDArray[np.float32]


def load_nifti(path: str | Path) -> nib.Nifti1Image:
    """Open a NIfTI file with its axes nearest to right, anterior, superior.

    The order of the axes on disk may differ, as in prepared volumes. Voxels of a file in the order
    above are read on access, others at once.
    """
    return nib.as_closest_canonical(nib.Nifti1Image.from_filename(str(path)))


def read_space(path: str | Path) -> tuple[tuple[int, ...], NDArray[np.float64]]:
    """Shape and affine that ``load_nifti`` gives, from the header alone.

    Raises:
        ValueError: The affine does not determine the axes.
    """
    image = nib.Nifti1Image.from_filename(str(path))
    if len(image.shape) < 3:
        return tuple(image.shape), np.asarray(image.affine, float)
    orientation = nib.io_orientation(image.affine)
    if np.isnan(orientation).any():
        raise ValueError("its affine does not determine the axes")
    if np.array_equal(orientation, CANONICAL):
        return tuple(image.shape), np.asarray(image.affine, float)
    shape = list(image.shape)
    for axis, place in enumerate(orientation[:, 0].astype(int)):
        shape[place] = image.shape[axis]
    turned = nib.orientations.inv_ornt_aff(orientation, image.shape[:3])
    return tuple(shape), np.asarray(image.affine @ turned, float)


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
    """Read a volume, prepared or any other NIfTI: (X, Y, Z) float32, axes as by ``load_nifti``.

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
    try:
        with open(path, "rb", buffering=0) as file:
            header = _header(file.read(VOXELS_AT))
        x, y, z = header["dim"][3:0:-1] if header is not None else read_space(path)[0]
    except UNREADABLE as error:
        raise _damaged(path, str(error)) from error
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
    try:
        if not _read_prepared(path, out):
            out[...] = np.asarray(load_nifti(path).dataobj, dtype=np.float32)
    except UNREADABLE as error:
        raise _damaged(path, str(error)) from error


def _read_prepared(path: str | Path, out: Volume) -> bool:
    """Read a file that ``write_volume`` wrote; False for any other file."""
    with open(path, "rb", buffering=0) as file:
        if _header(file.read(VOXELS_AT)) is None:
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


def _header(start: bytes) -> Any | None:
    """The header of a file that ``write_volume`` wrote, or None for any other."""
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
    return header if written and _axes_are_reversed(header) else None


def _axes_are_reversed(header: Any) -> bool:
    """Whether a file's axes run superior, anterior, right."""
    rows = np.array([header[f"srow_{axis}"][:3] for axis in "zyx"])
    return bool((rows.diagonal() > 0).all() and np.count_nonzero(rows) == 3)


def _damaged(path: str | Path, reason: str) -> UserError:
    return UserError(
        f"{path}: cannot be read: {reason}. If it is a prepared volume, run the same command "
        "again: damaged volumes are found at the start and prepared again"
    )
