"""Bias field correction: N4 inside the brain."""

import numpy as np
from numpy.typing import NDArray

from longibench.benchmark.preparation.arrays import Array
from longibench.benchmark.preparation.reading.problems import BIAS, DamagedScanError
from longibench.benchmark.preparation.reading.raw_scan import Scan
from longibench.benchmark.preparation.steps.itk import from_itk, to_itk

COARSE_MM = 4.0  # the field is smooth: it is fitted on voxels of about this size
ITERATIONS = (50, 50, 50, 50)  # at each of the spline's levels, coarse to fine
FEWEST_VOXELS = 200  # of the coarse image, below which nothing can be fitted


def correct_bias(scan: Scan, mask: NDArray[np.bool_]) -> Scan:
    """Divide a scan by its bias field.

    N4 (Tustison et al., IEEE Trans Med Imaging 2010; 29:1310) sharpens the histogram of its input.
    The input is only the brain, found on the raw scan: fat and muscle, bright and near the coils,
    would otherwise dominate the field. Brain extraction comes first because it is robust to bias
    (its intensities are normalised, and its training data were not corrected), whereas N4 is not
    robust to the scalp.

    Args:
        scan: The raw scan.
        mask: Its brain, (X, Y, Z).

    Returns:
        The scan divided by its field, which is 1 on average (geometrically) inside the brain.

    Raises:
        DamagedScanError: N4 failed.
    """
    import SimpleITK

    steps = [max(1, round(COARSE_MM / size)) for size in scan.voxel_mm]
    level = float(scan.data[mask].mean())
    image = to_itk(scan.data / np.float32(abs(level) or 1.0), scan.affine)
    small = SimpleITK.Shrink(image, steps)
    inside = SimpleITK.Shrink(to_itk(mask, scan.affine), steps)
    inside = SimpleITK.And(inside, SimpleITK.Greater(small, 0.0))  # N4 takes logarithms
    if np.count_nonzero(from_itk(inside)) < FEWEST_VOXELS:
        raise DamagedScanError(BIAS, "the brain has too few values above zero")
    filter_ = SimpleITK.N4BiasFieldCorrectionImageFilter()
    filter_.SetMaximumNumberOfIterations(ITERATIONS)
    try:
        filter_.Execute(small, inside)
        field = SimpleITK.Resample(
            filter_.GetLogBiasFieldAsImage(small),
            image,
            SimpleITK.Transform(),
            SimpleITK.sitkLinear,
        )
    except RuntimeError as error:
        raise DamagedScanError(BIAS, str(error).splitlines()[-1]) from error
    return Scan(_divided(scan.data, from_itk(field), mask), scan.affine)


def _divided(data: Array, log_field: Array, mask: NDArray[np.bool_]) -> Array:
    low, high = log_field[mask].min(), log_field[mask].max()
    centred = log_field.clip(low, high) - log_field[mask].mean()  # extrapolated outside the mask
    return (data / np.exp(centred)).astype(np.float32)
