"""Brings one subject's scans onto the benchmark's grid and into [-1, 1]."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np

from longibench.benchmark.core.grid import Grid
from longibench.benchmark.preparation.arrays import Affine, Array, Mask
from longibench.benchmark.preparation.reading.problems import FIRST_DAMAGED, DamagedScanError
from longibench.benchmark.preparation.reading.raw_scan import world_box
from longibench.benchmark.preparation.steps.field_of_view import field_of_view
from longibench.benchmark.preparation.steps.mni import load_template, mni_affine, template_on
from longibench.benchmark.preparation.steps.plan import Plan
from longibench.benchmark.preparation.steps.quality import (
    Quality,
    correlation,
    dice,
    movement,
    scale_of,
)
from longibench.benchmark.preparation.steps.registration import register_rigid, register_template
from longibench.benchmark.preparation.steps.single_scan import Anatomy, find_anatomy, on_grid


@dataclass(frozen=True)
class PreparedScan:
    """A scan on the grid.

    Attributes:
        volume: float32 in [-1, 1], of the grid's shape; -1 is background.
        affine: Voxel indices to the grid's world, (4, 4): MNI152 if visits are registered, else
            the world of the raw scan.
        skull_stripped: Whether the volume shows only the brain.
        same_space: Whether it is aligned with the subject's other visits.
        voxel_mm: Voxel size of the raw scan.
        head_litres: Volume of the head in the scan; of the brain if it was extracted.
        transform: The grid's world mm to the scan's world mm, (4, 4).
        quality: Numbers that show a bad preparation.
    """

    volume: Array
    affine: Affine
    skull_stripped: bool
    same_space: bool
    voxel_mm: tuple[float, float, float]
    head_litres: float
    transform: Affine
    quality: Quality


Result = PreparedScan | DamagedScanError


@dataclass(frozen=True)
class _Placed:
    """A scan, the affine of the grid, and the transform from the grid's to the scan's world."""

    found: Anatomy
    affine: Affine
    transform: Affine
    volume: Array
    brain: Mask


def prepare_subject(
    paths: Sequence[Path],
    grid: Grid,
    plan: Plan,
    wanted: Sequence[int] | None = None,
    placed: Affine | None = None,
) -> Iterator[tuple[int, Result]]:
    """Prepare one subject's scans, one at a time as a generator; the first is the source.

    The position of the source depends only on the source and the template; every later visit is
    registered to it. No follow-up influences the source. Without registration, scans in the space
    of the first one share its field of view, so that nothing jumps between visits; others are
    centred on their own head.

    Args:
        paths: The scans in the order of time.
        grid: The benchmark's grid.
        plan: The steps to do.
        wanted: Positions of the scans to prepare; all by default.
        placed: The source's ``transform``, if it is known.

    Yields:
        The position in ``paths`` and the result: prepared, or why the scan is damaged. If the
        first is damaged, all are, because a later scan must not silently become the source.
    """
    todo = range(len(paths)) if wanted is None else wanted
    try:
        source, prepared = _prepare_source(paths[0], grid, plan, placed)
    except DamagedScanError as error:
        yield from ((i, DamagedScanError(FIRST_DAMAGED) if i else error) for i in todo)
        return
    for position in todo:
        if position == 0:
            yield 0, prepared
            continue
        try:
            yield position, _prepare_follow_up(paths[position], source, grid, plan)
        except DamagedScanError as error:
            yield position, error


def _prepare_source(
    path: Path, grid: Grid, plan: Plan, placed: Affine | None
) -> tuple[_Placed, PreparedScan]:
    found = find_anatomy(path, plan)
    affine = field_of_view(found.box, found.scan, grid)
    transform = np.eye(4)
    if plan.registration != "none":
        affine = mni_affine(grid)
    if plan.registers:
        transform = _to_template(found, plan) if placed is None else placed
    source = _Placed(found, affine, transform, *on_grid(found, transform @ affine, grid, plan))
    quality = Quality(brain_ml=found.brain_ml)
    if plan.registers:
        volume = template_on(affine, grid)
        quality = _quality(source, transform, volume, volume > 0)
    return source, _prepared(source, quality, same_space=True)


def _prepare_follow_up(path: Path, source: _Placed, grid: Grid, plan: Plan) -> PreparedScan:
    found = find_anatomy(path, plan)
    first = source.found
    same_space = plan.registration != "none" or found.scan.shares_space(first.scan)
    affine = source.affine if same_space else field_of_view(found.box, found.scan, grid)
    moved = np.eye(4)
    if plan.registers and first.brain is not None and found.brain is not None:
        moved = register_rigid(first.scan, first.brain, found.scan, found.brain)
    transform = moved @ source.transform
    visit = _Placed(found, affine, transform, *on_grid(found, transform @ affine, grid, plan))
    quality = Quality(brain_ml=found.brain_ml)
    if plan.registers:
        quality = _quality(visit, moved, source.volume, source.brain)
    return _prepared(visit, quality, same_space)


def _to_template(found: Anatomy, plan: Plan) -> Affine:
    if found.brain is None or plan.registration not in ("affine", "rigid"):
        return np.eye(4)
    return register_template(load_template(), found.scan, found.brain, plan.registration)


def _quality(scan: _Placed, moved: Affine, volume: Array, brain: Mask) -> Quality:
    """Compare a scan with the volume and the brain that it was registered to."""
    middle = world_box(brain, scan.affine).mean(axis=0)  # in the grid's world
    fixed = np.linalg.solve(moved, scan.transform)  # from there to the fixed image's world
    jump, turn = movement(moved, nib.affines.apply_affine(fixed, middle))
    return Quality(
        brain_ml=scan.found.brain_ml,
        overlap=dice(scan.brain, brain),
        similarity=correlation(scan.volume, volume, brain),
        jump_mm=jump,
        turn_degrees=turn,
        scale=scale_of(scan.transform),
    )


def _prepared(scan: _Placed, quality: Quality, same_space: bool) -> PreparedScan:
    x, y, z = (float(size) for size in scan.found.scan.voxel_mm)
    return PreparedScan(
        volume=scan.volume,
        affine=scan.affine,
        skull_stripped=scan.found.skull_stripped,
        same_space=same_space,
        voxel_mm=(x, y, z),
        head_litres=scan.found.litres,
        transform=scan.transform,
        quality=quality,
    )
