"""The simulated anatomy of a phantom's visits, without noise, on the grid like their source."""

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import pandas as pd

from longibench.benchmark.cohorts.phantom.visit_truth import CLEAN, EXPECTED
from longibench.benchmark.core.checked_files import is_intact
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.files import digest, file_digest
from longibench.benchmark.core.grid import Grid
from longibench.benchmark.preparation.arrays import Array
from longibench.benchmark.preparation.prepared import Prepared
from longibench.benchmark.preparation.reading.problems import DamagedScanError
from longibench.benchmark.preparation.reading.raw_scan import read_scan
from longibench.benchmark.preparation.steps.intensity import head_range
from longibench.benchmark.preparation.steps.plan import Plan
from longibench.benchmark.preparation.steps.single_scan import place, scaled_head
from longibench.benchmark.preparation.store.volumes import prepared_space, write_volume

VOLUME_CLEAN, VOLUME_EXPECTED = "volume_clean", "volume_expected"


def allows_truth(visits: pd.DataFrame, plan: Plan) -> bool:
    """Whether visits have a truth that can be brought onto the grid.

    Brain extraction, bias correction and registration are estimated on each scan; only resampling
    and scaling are the same for a scan and for its anatomy without noise.
    """
    return CLEAN in visits and plan.cheap


def prepare_truth(
    prepared: Prepared, grid: Grid, folder: Path, volumes: Collection[str]
) -> Prepared:
    """Bring the noise-free volumes of some visits onto the grid, placed and scaled as their source.

    The source is the subject's first scan as a method gets it. Its percentiles, of its noisy
    intensities, become -1 and 1; what is beyond is clipped, as in the source itself.

    Args:
        prepared: The prepared cohort; its table may have the column ``clean``.
        grid: The grid.
        folder: Folder of the volumes, by content.
        volumes: Prepared volumes of the visits; others are left out, so that no truth of a training
            subject is prepared.

    Returns:
        The same cohort, with the columns ``VOLUME_CLEAN`` and, if the cohort has its file,
        ``VOLUME_EXPECTED``, if it allows a truth.

    Raises:
        UserError: A file cannot be read, or writing failed.
    """
    if not allows_truth(prepared.table, prepared.plan):
        return prepared
    table = prepared.table.copy()
    first = table.sort_values("years").groupby("subject").head(1).set_index("subject")
    for column, prepared_column in ((CLEAN, VOLUME_CLEAN), (EXPECTED, VOLUME_EXPECTED)):
        if column in table:
            rows = zip(table[column], table["subject"], table["volume"], strict=True)
            table[prepared_column] = [
                _prepared(Path(file), first.loc[subject], grid, prepared.plan, folder)
                if volume in volumes and isinstance(file, str)
                else None
                for file, subject, volume in rows
            ]
    return replace(prepared, table=table)


def _prepared(clean: Path, source: pd.Series, grid: Grid, plan: Plan, folder: Path) -> str:
    """Path of the prepared file: it is written if it is not there."""
    name = digest([file_digest(clean), Path(source["volume"]).name])
    path = folder / f"{name}_clean.nii"
    if not is_intact(path):
        try:
            volume = _like_source(clean, source, grid, plan)
        except DamagedScanError as error:
            raise UserError(
                f"{clean}: {error}; delete the simulated cohort to make it again"
            ) from error
        write_volume(path, volume, prepared_space(source["volume"])[1])
    return str(path)


def _like_source(clean: Path, source: pd.Series, grid: Grid, plan: Plan) -> Array:
    """The volume (X, Y, Z) with the position and the range of intensities of its source."""
    target = prepared_space(source["volume"])[1]
    scan, anatomy = (read_scan(Path(path), plan.axes) for path in (source["path"], clean))
    limits = head_range(place(scan, target, grid), scan.background, plan.percentiles)
    return scaled_head(anatomy, place(anatomy, target, grid), limits, grid)
