"""A cohort whose scans are on one grid, used without interpolation and scaling."""

from pathlib import Path

import numpy as np
from nibabel.affines import voxel_sizes

from longibench.benchmark.cohorts.visit_table import Cohort
from longibench.benchmark.core.checked_files import is_intact
from longibench.benchmark.core.console import Console
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.files import digest, file_digest
from longibench.benchmark.core.grid import Grid
from longibench.benchmark.preparation.labels import prepare_labels
from longibench.benchmark.preparation.prepared import Prepared
from longibench.benchmark.preparation.scale import all_bright
from longibench.benchmark.preparation.space import Fit, Misfit, Space, read_fitting
from longibench.benchmark.preparation.steps.plan import Plan
from longibench.benchmark.preparation.steps.traits import Traits
from longibench.benchmark.preparation.store.volumes import read_volume, write_volume

EVEN = 0.01  # largest relative difference of the sides of a cubic voxel
AS_IS = Plan(percentiles=(0.0, 100.0))


def take_as_is(cohort: Cohort, folder: Path, console: Console, fit: Fit) -> tuple[Prepared, Grid]:
    """Store a cohort's scans in the benchmark's format, voxel by voxel.

    Args:
        cohort: Scans of one shape and affine, prepared by other software.
        folder: Folder of the volumes, by content.
        console: For progress.
        fit: Which stored values are -1 and 1.

    Returns:
        The cohort and its grid.

    Raises:
        UserError: A scan has another grid than the first or is out of range, all lie in [0, 1]
            and the fit is for [-1, 1], or voxels are not cubic.
    """
    table = cohort.visits.reset_index(drop=True)
    first = Path(str(table["path"].iloc[0]))
    space, grid = _grid_of(first)
    contents, volumes = [], []
    for path in console.track(table["path"], "reading scans", len(table)):
        content = file_digest(Path(path))
        contents.append(content)
        volumes.append(_stored(Path(path), content, space, fit, folder))
    if fit.intensities is None and (bright := all_bright(map(read_volume, volumes))):
        raise bright.refused(cohort.name, "in [-1, 1] the background is -1")
    table = table.assign(content=contents, volume=volumes)
    twice = table[table["content"].duplicated()]
    if not twice.empty:
        raise UserError(f"{twice['path'].iloc[0]}: a scan is listed twice; remove one of them")
    side = grid.spacing_mm
    traits = Traits(True, True, (side, side, side), float("nan"))
    transforms = {volume: np.eye(4) for volume in volumes}
    prepared = Prepared(table, cohort.left_out, traits, AS_IS, transforms)
    return prepare_labels(prepared, folder), grid


def _grid_of(path: Path) -> tuple[Space, Grid]:
    try:
        space = Space.found(path)
    except Misfit as error:
        raise UserError(f"{path}: {error}") from error
    sizes = voxel_sizes(space.affine)
    if np.ptp(sizes) > EVEN * sizes.mean():
        raise UserError(
            f"{path}: voxels of {sizes.round(3).tolist()} mm, which are not cubic; leave --as-is "
            "out, so that scans are prepared"
        )
    x, y, z = space.shape
    return space, Grid(shape=(x, y, z), spacing_mm=round(float(sizes.mean()), 6))


def _stored(path: Path, content: str, space: Space, fit: Fit, folder: Path) -> str:
    name = digest([content, repr(fit), space.shape, space.affine.tolist()])
    volume = folder / f"{name}.nii"
    if not is_intact(volume):
        try:
            voxels = read_fitting(path, space, fit)
        except Misfit as error:
            raise UserError(f"{path}: {error}; --as-is needs all scans on one grid") from error
        write_volume(volume, voxels, space.affine)
    return str(volume)
