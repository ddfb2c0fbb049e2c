"""Checks of a NIfTI file before any voxel is read: a wrong header must not allocate memory."""

import gzip
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError

from longibench.benchmark.preparation.reading.problems import (
    BAD_GEOMETRY,
    NO_IMAGE,
    NO_ORIENTATION,
    NOT_3D,
    UNREADABLE,
    VOXEL_TYPE,
    DamagedScanError,
)

GZIP_MAGIC = b"\x1f\x8b"
GZIP_MOST = 1032  # highest compression of deflate (RFC 1951: 258 bytes in two bits)
MOST_VOXELS = 2**29  # 0.13 mm voxels of a whole head
VOXEL_MM = (0.1, 20.0)  # from a scanner's finest to a benchmark's coarsest grid
AGREE_MM = 2.0  # sform and qform may differ by rounding, but not by this
LARGEST_SHEAR = 0.02  # cosine between two axes: scanners' axes are perpendicular
NUMBERS = ("i1", "u1", "i2", "u2", "i4", "u4", "f4", "f8")


def read_nifti(path: Path, placed: bool = True) -> nib.Nifti1Image:
    """Read a ``.nii`` or ``.nii.gz`` file, its header checked first, its voxels in memory.

    Args:
        path: The file.
        placed: Whether it needs an orientation.

    Returns:
        The image. Every byte has been read, so the checksum of a compressed file is verified.

    Raises:
        DamagedScanError: It is not a readable scan.
        OSError, EOFError, zlib.error: It cannot be read or decompressed.
    """
    packed = path.name.lower().endswith(".gz")
    _check_kind(path, packed)
    with gzip.open(path) if packed else path.open("rb") as file:
        head = file.read(540)
        header = _header(head)
        check_header(header, placed)
        size = int(header["vox_offset"]) + _voxels(header) * header.get_data_dtype().itemsize
        _check_room(size, path.stat().st_size, packed)
        content = head + file.read(max(0, size - len(head)) + 1)
    if len(content) != size:
        what = "cut off" if len(content) < size else "longer"
        held = str(len(content)) if len(content) < size else f"more than {size}"
        raise DamagedScanError(
            UNREADABLE, f"it is {what}: its header announces {size} bytes, it holds {held}"
        )
    kind = nib.Nifti2Image if isinstance(header, nib.Nifti2Header) else nib.Nifti1Image
    return kind.from_bytes(content)


def check_header(header: Any, placed: bool = True) -> None:
    """Check dimensions, voxel type, voxel size and orientation of a NIfTI header.

    Args:
        header: The header.
        placed: Whether it needs an orientation.

    Raises:
        DamagedScanError: A value is impossible or missing.
    """
    shape = [int(side) for side in header["dim"][1 : 1 + max(0, int(header["dim"][0]))]]
    if len([side for side in shape if side != 1]) != 3 or min(shape) < 1:
        raise DamagedScanError(
            NOT_3D, f"{len(shape)} dimensions {tuple(shape)}; one volume is needed"
        )
    if header.get_data_dtype().str[1:] not in NUMBERS:
        raise DamagedScanError(VOXEL_TYPE, _explain_type(header.get_data_dtype()))
    sizes = header["pixdim"][1 : 1 + len(shape)][: max(3, len(shape))]
    sizes = np.array([size for size, side in zip(sizes, shape, strict=True) if side != 1])
    if not np.isfinite(sizes).all() or sizes.min() <= 0:
        raise DamagedScanError(BAD_GEOMETRY, f"voxel sizes {_list(sizes)}; they must be positive")
    _check_place(header, placed)


def check_affine(affine: Any) -> None:
    """Check that an affine puts voxels of a plausible size on perpendicular axes.

    Raises:
        DamagedScanError: It does not.
    """
    if affine is None or not np.isfinite(affine).all() or abs(np.linalg.det(affine)) < 1e-9:
        raise DamagedScanError(BAD_GEOMETRY, "its affine is not invertible")
    sizes = nib.affines.voxel_sizes(affine)
    if sizes.min() < VOXEL_MM[0] or sizes.max() > VOXEL_MM[1]:
        raise DamagedScanError(
            BAD_GEOMETRY, f"voxels of {_list(sizes)} mm; the unit is probably not the millimetre"
        )
    axes = affine[:3, :3] / sizes
    shear = np.abs(axes.T @ axes - np.eye(3)).max()
    if shear > LARGEST_SHEAR:
        raise DamagedScanError(
            BAD_GEOMETRY, f"its affine is sheared (cosine {shear:.2g} between two axes)"
        )


def _check_kind(path: Path, packed: bool) -> None:
    with path.open("rb") as file:
        start = file.read(4)
    if not start:
        raise DamagedScanError(UNREADABLE, "the file is empty")
    if packed and not start.startswith(GZIP_MAGIC):
        raise DamagedScanError(NO_IMAGE, "it is named .gz but is not compressed by gzip")
    if not packed and start.startswith(GZIP_MAGIC):
        raise DamagedScanError(NO_IMAGE, "it is compressed by gzip; its name should end in .gz")


def _header(head: bytes) -> Any:
    try:
        if int.from_bytes(head[:4], "little") == 540 or int.from_bytes(head[:4], "big") == 540:
            return nib.Nifti2Header(head[:540], check=False)
        header = nib.Nifti1Header(head[:348], check=False)
    except (ValueError, ImageFileError, nib.spatialimages.HeaderDataError) as error:
        raise DamagedScanError(NO_IMAGE, "it does not begin with a NIfTI header") from error
    if header["sizeof_hdr"] != 348 or bytes(header["magic"])[:3] not in (b"n+1", b"ni1"):
        raise DamagedScanError(NO_IMAGE, "it does not begin with a NIfTI header")
    return header


def _voxels(header: Any) -> int:
    return int(np.prod([int(side) for side in header.get_data_shape()], dtype=object))


def _check_room(size: int, held: int, packed: bool) -> None:
    """Refuse a size in the header that the file cannot have."""
    if size > held * (GZIP_MOST if packed else 1) or size > MOST_VOXELS * 8:
        raise DamagedScanError(
            UNREADABLE, f"it is cut off: its header announces {size} bytes, the file has {held}"
        )


def _check_place(header: Any, needed: bool) -> None:
    """Refuse a header without an orientation, or with two different ones."""
    qform, sform = int(header["qform_code"]), int(header["sform_code"])
    if needed and qform <= 0 and sform <= 0:
        raise DamagedScanError(
            NO_ORIENTATION,
            "sform and qform are both unset, so left and right are unknown; convert it again from "
            "DICOM, or set preparation.axes, such as ASL, if you are certain of them",
        )
    if qform > 0 and sform > 0:
        try:
            first, second = header.get_qform(), header.get_sform()
        except (ValueError, np.linalg.LinAlgError) as error:
            raise DamagedScanError(BAD_GEOMETRY, f"its qform is invalid: {error}") from error
        apart = _corners_apart(first, second, header.get_data_shape()[:3])
        if not apart <= AGREE_MM:
            raise DamagedScanError(
                BAD_GEOMETRY,
                f"sform and qform put its corners {apart:.0f} mm apart; remove the wrong one",
            )


def _corners_apart(first: Any, second: Any, shape: tuple[int, ...]) -> float:
    corners = np.array(np.meshgrid(*[(0, side - 1) for side in shape])).reshape(3, -1).T
    apart = nib.affines.apply_affine(first, corners) - nib.affines.apply_affine(second, corners)
    return float(np.linalg.norm(apart, axis=1).max())


def _explain_type(kind: np.dtype) -> str:
    if kind.fields or kind.kind == "V":
        return "colours, not intensities"
    if kind.kind == "c":
        return "complex numbers; save the magnitude"
    if kind.itemsize == 8:
        return f"{kind.name}: no scanner writes it, most programs misread it; save as float32"
    return f"{kind.name}; save as float32"


def _list(sizes: Any) -> str:
    return " x ".join(f"{size:.3g}" for size in sizes)
