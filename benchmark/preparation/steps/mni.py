"""The common space: MNI152 as shipped in nilearn's wheel."""

import warnings
from functools import cache

import numpy as np

from longibench.benchmark.core.grid import Grid
from longibench.benchmark.preparation.arrays import Affine, Array
from longibench.benchmark.preparation.reading.raw_scan import Scan
from longibench.benchmark.preparation.steps.resampling import resample

MARGIN_MM = 10  # kept around the template's brain


@cache
def load_template() -> Scan:
    """The template, 1 mm, intensities in [0, 1], exactly 0 around the brain.

    ICBM 2009a nonlinear symmetric (Fonov et al., NeuroImage 2011; 54:313), skull-stripped.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nilearn's, about its dependencies
        from nilearn.datasets import load_mni152_template

        image = load_mni152_template(resolution=1)
    data = np.asarray(image.dataobj, dtype=np.float32)
    inside = np.argwhere(data > 0)
    low = np.maximum(0, inside.min(axis=0) - MARGIN_MM)
    high = inside.max(axis=0) + 1 + MARGIN_MM
    affine = image.affine.astype(np.float64)
    affine[:3, 3] += affine[:3, :3] @ low
    return Scan(data[low[0] : high[0], low[1] : high[1], low[2] : high[2]], affine)


def mni_affine(grid: Grid) -> Affine:
    """Affine of the grid in MNI152 world mm, centred on the template's brain."""
    template = load_template()
    inside = np.argwhere(template.data > 0)
    centre = (inside.min(axis=0) + inside.max(axis=0)) / 2
    affine = np.diag([grid.spacing_mm] * 3 + [1.0])
    middle = (np.array(grid.shape) - 1) / 2 * grid.spacing_mm
    affine[:3, 3] = template.affine[:3, :3] @ centre + template.affine[:3, 3] - middle
    return affine


def template_on(affine: Affine, grid: Grid) -> Array:
    """The template on the grid, exactly 0 around the brain."""
    template = load_template()
    volume = resample(template.data, template.affine, affine, grid, 0.0)
    inside = resample((template.data > 0).astype(np.float32), template.affine, affine, grid, 0.0)
    return np.where(inside >= 0.5, volume, np.float32(0))
