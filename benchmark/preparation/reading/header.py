"""Checks of a NIfTI header: of what every volume needs, and of what a raw scan needs besides."""

from typing import Any

import nibabel as nib
import numpy as np
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from longibench.benchmark.preparation.reading.problems import (
    BAD_GEOMETRY,
    NO_IMAGE,
    NO_ORIENTATION,
    NOT_3D,
    UNREADABLE,
    VOXEL_TYPE,
    DamagedScanError,
)

KINDS = {348: (nib.Nifti1Header, b"n+1", b"ni1"), 540: (nib.Nifti2Header, b"n+2", b"ni2")}
LONGEST = max(KINDS)  # bytes
LINE_ENDS = (13, 10, 26, 10)  # in every header of NIfTI-2
VOXEL_MM = (0.1, 20.0)  # from a scanner's finest to a benchmark's coarsest grid
AGREE_MM = 2.0  # sform and qform may differ by rounding, but not by this
LARGEST_SHEAR = 0.02  # cosine between two axes: scanners' axes are perpendicular
NUMBERS = ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8")
NOT_OF_SCANS = ("i8", "u8")


def parse_header(start: bytes) -> Any:
    """Read the header of a single file (``.nii``), and check it.

    Args:
        start: The file's first bytes, ``LONGEST`` if it has as many.

    Returns:
        nibabel's header of NIfTI-1 or -2. Axes of length 1 after the third are removed, and
        ``pixdim[0]`` is 1 or -1: NIfTI takes any other value by its sign, 0 as 1.

    Raises:
        DamagedScanError: It is no header, or one that does not describe a volume.
    """
    header = _parsed(start)
    shape = [int(side) for side in header["dim"][1 : 1 + max(0, int(header["dim"][0]))]]
    if len(shape) > 3 and set(shape[3:]) == {1}:
        header["dim"][0] = 3
    header["pixdim"][0] = -1 if header["pixdim"][0] < 0 else 1
    for form in ("qform_code", "sform_code"):
        header[form] = max(0, int(header[form]))
    header["magic"] = header.single_magic  # nibabel warns of other bytes after the first three
    check_header(header)
    _check_offset(header)
    _check_line_ends(header)
    return header


def _parsed(start: bytes) -> Any:
    for order, sign in (("little", "<"), ("big", ">")):
        size = int.from_bytes(start[:4], order)  # type: ignore[arg-type]
        if size in KINDS and len(start) >= size:
            kind, *magics = KINDS[size]
            header = kind(start[:size], endianness=sign, check=False)
            if bytes(header["magic"])[:3] in magics:
                return header
    raise DamagedScanError(NO_IMAGE, "it does not begin with a NIfTI header")


def check_header(header: Any) -> None:
    """Check that a NIfTI header describes one volume that can be read and located.

    Args:
        header: The header.

    Raises:
        DamagedScanError: Dimensions, voxel type, scaling, voxel size or affine are impossible.
    """
    shape = [int(side) for side in header["dim"][1 : 1 + max(0, int(header["dim"][0]))]]
    if not 3 <= len(shape) <= 7 or min(shape) < 1 or max([1, *shape[3:]]) > 1:
        raise DamagedScanError(NOT_3D, f"its shape is {tuple(shape)}; one volume is needed")
    _check_numbers(header)
    sizes = np.array([size for size, side in zip(header["pixdim"][1:4], shape, strict=False)])
    if not np.isfinite(sizes).all() or sizes.min() <= 0:
        raise DamagedScanError(BAD_GEOMETRY, f"voxel sizes {_list(sizes)}; they must be positive")
    with np.errstate(all="ignore"):  # numbers of a damaged header overflow
        _check_forms(header)
        _check_invertible(affine_of(header))


def check_scan(header: Any, placed: bool = True) -> None:
    """Check what a raw scan needs besides: an orientation, a volume, a scanner's voxel type.

    Args:
        header: A header that ``check_header`` accepts.
        placed: Whether it needs an orientation.

    Raises:
        DamagedScanError: Something is missing.
    """
    shape = header.get_data_shape()
    if min(shape[:3]) == 1:
        raise DamagedScanError(NOT_3D, f"its shape is {tuple(shape)}; a volume is needed")
    if header.get_data_dtype().str[1:] in NOT_OF_SCANS:
        name = header.get_data_dtype().name
        raise DamagedScanError(
            VOXEL_TYPE, f"{name}: no scanner writes it, most programs misread it; save as float32"
        )
    if placed and not has_orientation(header):
        raise DamagedScanError(
            NO_ORIENTATION,
            "sform and qform are both unset, so left and right are unknown; convert it again from "
            "DICOM, or set preparation.axes, such as ASL, if you are certain of them",
        )


def has_orientation(header: Any) -> bool:
    """Whether the sform or the qform of a NIfTI header is set."""
    return int(header["qform_code"]) > 0 or int(header["sform_code"]) > 0


def affine_of(header: Any) -> NDArray[np.float64]:
    """Voxel indices to world mm, (4, 4); without an orientation the axes are taken as they are."""
    if has_orientation(header):
        return np.asarray(header.get_best_affine(), float)
    return np.diag([*header["pixdim"][1:4].astype(float), 1.0])


def check_affine(affine: Any) -> None:
    """Check that an affine puts voxels of a plausible size on perpendicular axes.

    Raises:
        DamagedScanError: It does not.
    """
    _check_invertible(affine)
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


def _check_invertible(affine: Any) -> None:
    if affine is None or not np.isfinite(affine).all():
        raise DamagedScanError(BAD_GEOMETRY, "its affine is not invertible")
    if not 1e-9 <= abs(np.linalg.det(affine)) < np.inf:
        raise DamagedScanError(BAD_GEOMETRY, "its affine is not invertible")
    if np.isnan(nib.io_orientation(affine)).any():
        raise DamagedScanError(BAD_GEOMETRY, "its affine does not determine the axes")


def _check_numbers(header: Any) -> None:
    """Refuse voxels that are no numbers, and a scaling that gives none."""
    try:
        kind = header.get_data_dtype()
    except (KeyError, HeaderDataError) as error:
        code = int(header["datatype"])
        raise DamagedScanError(VOXEL_TYPE, f"data type {code}, which NIfTI lacks") from error
    if kind.str[1:] not in NUMBERS:
        raise DamagedScanError(VOXEL_TYPE, _explain_type(kind))
    try:
        header.get_slope_inter()
    except HeaderDataError as error:
        raise DamagedScanError(
            UNREADABLE, f"the intercept of its values, scl_inter, is {float(header['scl_inter'])}"
        ) from error


def _check_offset(header: Any) -> None:
    """Refuse voxels that would begin within the header: its bytes would be read as voxels."""
    start, first = float(header["vox_offset"]), type(header).single_vox_offset
    if not (first <= start < 2**31 and start.is_integer()):
        raise DamagedScanError(
            UNREADABLE,
            f"vox_offset is {start:g}, but the voxels of a .nii file begin at byte {first} or "
            "later; fix its header, or write it again with a NIfTI library",
        )


def _check_line_ends(header: Any) -> None:
    """Refuse a NIfTI-2 file whose line ends a transfer as text has changed."""
    if isinstance(header, nib.Nifti2Header):
        found = tuple(header["eol_check"].tolist())
        if found not in (LINE_ENDS, (0, 0, 0, 0)):
            raise DamagedScanError(
                UNREADABLE, f"its line ends {found} should be {LINE_ENDS}; copy it again as binary"
            )
        header["eol_check"] = LINE_ENDS


def _check_forms(header: Any) -> None:
    """Refuse a header with two different orientations, or an invalid one."""
    try:
        first = header.get_qform() if header["qform_code"] > 0 else None
    except (ValueError, HeaderDataError, np.linalg.LinAlgError) as error:
        raise DamagedScanError(BAD_GEOMETRY, f"its qform is invalid: {error}") from error
    if first is None or header["sform_code"] <= 0:
        return
    apart = _corners_apart(first, header.get_sform(), header.get_data_shape()[:3])
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
    return f"{kind.name}; save as float32"


def _list(sizes: Any) -> str:
    return " x ".join(f"{size:.3g}" for size in sizes)
