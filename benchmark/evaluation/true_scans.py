"""What was simulated at the visits of a pair, and the deformations of its generated volumes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from scipy import ndimage

from longibench.benchmark.cohorts.phantom.visit_truth import (
    STRUCTURES,
    dataset_of,
    simulate_again,
    true_ml,
)
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.preparation.reading.problems import DamagedScanError, named_problems
from longibench.benchmark.preparation.space import AFFINE_TOLERANCE_MM, Space
from longibench.benchmark.preparation.store.volumes import read_volume
from longibench.metrics.scan import Displacement, Truth


def truth_of_row(
    row: Mapping[str, Any], role: str, space: Space, *, deforms: bool = False
) -> Truth | None:
    """What was simulated at one of the two visits of a pair; None if nothing was.

    Args:
        row: The pair, with the columns of ``protocol.pairs.annotate``.
        role: ``source`` or ``target``.
        space: The grid.
        deforms: Whether to read the deformation too.

    Raises:
        UserError: A file cannot be read.
    """
    if not isinstance(clean := row.get(f"{role}_clean"), str):
        return None
    columns = {name: f"{role}_{true_ml(name)}" for name in STRUCTURES}
    volumes = {name: float(row[column]) for name, column in columns.items() if column in row}
    warp = row.get(f"{role}_warp") if deforms else None
    displacement = _simulated(Path(warp), space) if isinstance(warp, str) else None
    return Truth(read_volume(clean), volumes, displacement)


def _simulated(path: Path, space: Space) -> Displacement:
    """A simulated deformation on a grid; what to do if it is damaged or gone."""
    try:
        return displacement_on(path, space)
    except UserError as error:
        raise UserError(f"{error}; {simulate_again(dataset_of(path))}") from error


def displacement_on(path: Path, space: Space) -> Displacement:
    """A field of displacements at a grid's voxels, interpolated by cubic splines if need be.

    Args:
        path: NIfTI of vectors in mm, (X, Y, Z, 1, 3), in the world of the grid.
        space: The grid, its axes along the world's.

    Returns:
        (3, X, Y, Z) in mm.

    Raises:
        UserError: It cannot be read, or is no field of vectors.
    """
    try:
        with named_problems():
            image = nib.nifti1.load(path)
            field = np.asarray(image.dataobj, np.float32)
    except DamagedScanError as error:
        raise UserError(f"{path}: the deformation cannot be read: {error.detail}") from error
    if field.ndim != 5 or field.shape[3:] != (1, 3) or not np.isfinite(field).all():
        raise UserError(
            f"{path}: a deformation needs finite vectors in mm, (X, Y, Z, 1, 3); its shape is "
            f"{field.shape}"
        )
    parts = np.moveaxis(field[:, :, :, 0], -1, 0)
    if parts.shape[1:] == space.shape and np.allclose(
        image.affine, space.affine, rtol=0, atol=AFFINE_TOLERANCE_MM
    ):
        return np.ascontiguousarray(parts)
    matrix = np.linalg.inv(image.affine) @ space.affine
    where = {"matrix": matrix[:3, :3], "offset": matrix[:3, 3], "output_shape": space.shape}
    return np.stack([ndimage.affine_transform(p, **where, mode="nearest") for p in parts])


def write_displacement(path: Path, displacement: Displacement, space: Space) -> None:
    """Write a field (3, X, Y, Z) in mm on a grid, as ``displacement_on`` reads it."""
    field = np.moveaxis(displacement, 0, -1)[:, :, :, None].astype(np.float32)
    image = nib.Nifti1Image(field, space.affine)
    image.header.set_intent("vector")
    image.header.set_xyzt_units("mm")
    nib.save(image, path)
