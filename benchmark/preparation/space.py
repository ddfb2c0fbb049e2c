"""Whether a volume lies on the grid of its source, what differs, and how to fit it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from nibabel.affines import voxel_sizes
from nibabel.orientations import aff2axcodes
from numpy.typing import NDArray
from scipy import ndimage

from longibench.benchmark.core.errors import UserError
from longibench.benchmark.preparation.arrays import Affine
from longibench.benchmark.preparation.reading.header import has_orientation
from longibench.benchmark.preparation.reading.nifti import float_values, read_header
from longibench.benchmark.preparation.reading.problems import DamagedScanError
from longibench.benchmark.preparation.steps.intensity import BACKGROUND
from longibench.benchmark.preparation.store.volumes import load_nifti, prepared_space, read_space

AFFINE_TOLERANCE_MM = 1e-3
RANGE_TOLERANCE = 1e-3

Rule = Literal["strict", "resample", "voxels"]
Volume = NDArray[np.float32]


class Misfit(ValueError):  # noqa: N818 - its text is a reason
    """A volume that cannot be compared with its source; names the problem and its solution."""


@dataclass(frozen=True)
class Fit:
    """How volumes with another grid or range are fitted.

    Attributes:
        rule: ``strict`` refuses them, ``resample`` brings them onto the source's grid by their
            affines (linear interpolation), ``voxels`` takes the source's affine if the shape is
            the source's: for files that were written without one.
        intensities: The two stored values that are -1 and 1; None if these values are stored.
    """

    rule: Rule = "strict"
    intensities: tuple[float, float] | None = None

    @property
    def is_plain(self) -> bool:
        """Whether nothing is done."""
        return self == PLAIN


PLAIN = Fit()


@dataclass(frozen=True)
class Space:
    """Grid of a volume: shape (X, Y, Z), and affine from voxel indices to world mm, (4, 4)."""

    shape: tuple[int, ...]
    affine: Affine

    @classmethod
    def read(cls, path: str | Path) -> "Space":
        """The space of a prepared volume, from its header.

        Raises:
            UserError: The file cannot be read.
        """
        return cls(*prepared_space(path))

    @classmethod
    def found(cls, path: str | Path) -> "Space":
        """The space of any other file, from its header.

        Raises:
            Misfit: The file cannot be read.
        """
        with _readable():
            return cls(*read_space(path))


def read_fitting(path: Any, space: Space, fit: Fit) -> Volume:
    """Read a generated volume onto its source's grid.

    Args:
        path: The file.
        space: The prepared source's, axes nearest to right, anterior, superior.
        fit: How the volume may be fitted.

    Returns:
        The volume (X, Y, Z) in [-1, 1].

    Raises:
        Misfit: It cannot be read, has another grid, or its values are not intensities in range.
    """
    own, values = _checked_values(path, space, fit)
    volume = _to_range(values, fit)
    if fit.rule == "resample" and not _same(own, space):
        volume = _resampled(volume, own, space)
    if not volume.min() < volume.max():
        raise Misfit("it is constant on the source's grid: it lies outside of it")
    return volume


def read_generated(path: Path, space: Space, fit: Fit) -> Volume:
    """Like ``read_fitting``, for a file that the user named.

    Raises:
        UserError: What ``read_fitting`` refuses, with the file's path.
    """
    with _named(path):
        return read_fitting(path, space, fit)


def check_generated(path: Path, space: Space, fit: Fit) -> None:
    """Refuse what ``read_generated`` refuses by the header alone; no voxel is read.

    Raises:
        UserError: It cannot be opened or has another grid, with the file's path.
    """
    with _named(path):
        _checked_space(path, space, fit)


def read_stored(path: Path, space: Space, fit: Fit) -> Volume:
    """The values of a generated volume as they are stored, on its own grid.

    Raises:
        UserError: What ``read_generated`` refuses.
    """
    with _named(path):
        return _checked_values(path, space, fit)[1]


@contextmanager
def _named(path: Path) -> Iterator[None]:
    try:
        yield
    except Misfit as error:
        raise UserError(f"{path}: {error}") from error


def _checked_values(path: Any, space: Space, fit: Fit) -> tuple[Space, Volume]:
    """A volume's space, and its values as they are stored."""
    own = _checked_space(path, space, fit)
    with _readable():
        header = read_header(Path(path))  # an image's own has no scale factor any more
        values = float_values(load_nifti(path))
    _refuse_values(values, header, fit)
    return own, values


def _checked_space(path: Any, space: Space, fit: Fit) -> Space:
    """The space of a volume that may be compared with its source; no voxel is read."""
    own = Space.found(path)
    if fit.rule == "voxels":
        if own.shape != space.shape:
            raise Misfit(
                f"its shape is {own.shape}, the source's {space.shape}; --grid voxels needs equal "
                "ones"
            )
    elif not _same(own, space):
        with _readable():
            placed = has_orientation(read_header(Path(path)))
        if fit.rule == "strict" or not placed:
            raise Misfit(f"{_space_problem(own, space)}; {_advice(placed, own, space)}")
    return own


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except DamagedScanError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            raise Misfit("there is no such file") from error
        raise Misfit(f"cannot be read: {error.detail}") from error


def _refuse_values(values: Volume, header: Any, fit: Fit) -> None:
    if not np.isfinite(values).all():
        count = int((~np.isfinite(values)).sum())
        raise Misfit(f"it has {count} values that are not finite (NaN or infinite)")
    low, high = float(values.min()), float(values.max())
    if low == high:
        raise Misfit(f"it is constant: every voxel is {low:g}")
    below, above = fit.intensities or (-1.0, 1.0)
    slack = RANGE_TOLERANCE * (above - below) / 2
    if low < below - slack or high > above + slack:
        raise Misfit(_range_problem(low, high, header, (below, above)))


def _range_problem(low: float, high: float, header: Any, wanted: tuple[float, float]) -> str:
    text = f"its values run from {low:.3g} to {high:.3g}, not within [{wanted[0]:g}, {wanted[1]:g}]"
    dtype = header.get_data_dtype()
    if dtype.kind in "iu" and header.get_slope_inter()[0] in (None, 1.0):
        text += f"; it is stored as whole numbers ({dtype}) without a scale factor"
    return f"{text}. For another scale, give the values of -1 and 1: --range LOW,HIGH"


def _to_range(values: Volume, fit: Fit) -> Volume:
    if fit.intensities is None:
        return np.clip(values, -1, 1)
    low, high = fit.intensities
    return np.clip((values - np.float32(low)) * np.float32(2 / (high - low)) - 1, -1, 1)


def _same(own: Space, wanted: Space) -> bool:
    return own.shape == wanted.shape and bool(
        np.allclose(own.affine, wanted.affine, atol=AFFINE_TOLERANCE_MM)
    )


def _space_problem(own: Space, wanted: Space) -> str:
    """The first thing that differs, from coarse to fine."""
    if own.shape != wanted.shape:
        return f"its shape is {own.shape}, the source's {wanted.shape}"
    sizes, its = voxel_sizes(own.affine), voxel_sizes(wanted.affine)
    if not np.allclose(sizes, its, atol=AFFINE_TOLERANCE_MM):
        return f"its affine differs: voxels of {_mm(sizes)}, the source's of {_mm(its)}"
    if not np.allclose(own.affine[:3, :3], wanted.affine[:3, :3], atol=1e-4):
        axes = "".join(str(code) for code in aff2axcodes(own.affine))
        return f"its affine differs: its axes ({axes}) are rotated from the source's"
    shift = float(np.linalg.norm(own.affine[:3, 3] - wanted.affine[:3, 3]))
    return f"its affine differs: it is shifted by {shift:.3g} mm from the source"


def _advice(placed: bool, own: Space, wanted: Space) -> str:
    unplaced = not placed or np.allclose(own.affine, np.eye(4))
    if own.shape == wanted.shape and unplaced:
        return (
            "its header seems to have no orientation. If its voxels are in the order of the "
            "prepared source's, --grid voxels takes the source's affine"
        )
    if not placed:
        return "its header has no orientation, so it cannot be resampled; write it with its affine"
    return "--grid resample brings it onto the source's grid by its affine"


def _resampled(volume: Volume, own: Space, wanted: Space) -> Volume:
    matrix = np.linalg.inv(own.affine) @ wanted.affine
    moved = ndimage.affine_transform(
        volume,
        matrix[:3, :3],
        matrix[:3, 3],
        output_shape=wanted.shape,
        order=1,
        mode="constant",
        cval=BACKGROUND,
    )
    return np.asarray(moved, np.float32)


def _mm(sizes: Any) -> str:
    return " x ".join(f"{size:.4g}" for size in sizes) + " mm"
