"""Linear registration of brains: a follow-up to its source, and a source to the template."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from longibench.benchmark.preparation.arrays import Affine, Mask, Point
from longibench.benchmark.preparation.reading.problems import REGISTRATION, DamagedScanError
from longibench.benchmark.preparation.reading.raw_scan import Scan
from longibench.benchmark.preparation.steps.itk import from_itk, matrix_of, to_itk

if TYPE_CHECKING:
    import SimpleITK


MARGIN_MM = 8.0  # around the brain: the inside of the skull does not shrink and stabilises the fit
TURNS_DEGREES = 12.0  # between the rotations that are tried at the start, two to each side
TEMPLATE_MM = 2.0  # people differ from the template by more: finer voxels do not help
COARSE_MM = 8.0  # resolution of these trials
BINS = 32  # of the joint histogram
SAMPLES = 100_000  # voxels that the metric samples, on a regular lattice
FINEST_STEP_MM = 1e-3
ITERATIONS = 200
SEED = 1  # the lattice of samples is jittered; by default with the time of day


def register_rigid(fixed: Scan, brain: Mask, moving: Scan, moving_brain: Mask) -> Affine:
    """Align a follow-up with its source, with six degrees of freedom.

    Mattes' mutual information (Mattes et al., IEEE Trans Med Imaging 2003; 22:120) inside the
    source's brain and a margin around it: the scalp, the neck and the scanner's field of view have
    no influence, and another scanner's contrast does not matter.

    Args:
        fixed: The source, with its skull.
        brain: Its brain, (X, Y, Z).
        moving: The follow-up, with its skull.
        moving_brain: Its brain, of the follow-up's shape.

    Returns:
        World mm of the source to world mm of the follow-up, (4, 4).

    Raises:
        DamagedScanError: The optimiser failed.
    """
    import SimpleITK

    images = to_itk(fixed.data, fixed.affine), to_itk(moving.data, moving.affine)
    start = SimpleITK.Euler3DTransform()
    _centre(start, fixed, brain, moving, moving_brain)
    region = _dilated(to_itk(brain, fixed.affine))
    coarse = _start(images, region, start)
    return matrix_of(_optimised(images, region, coarse, (4, 2, 1), (3.0, 1.5, 0.5)))


def register_template(
    template: Scan, brain: Scan, mask: Mask, kind: Literal["affine", "rigid"]
) -> Affine:
    """Align a source with the template.

    Args:
        template: The template, skull-stripped.
        brain: The source; only its brain is used.
        mask: Its brain, (X, Y, Z).
        kind: ``affine``: twelve degrees of freedom, which normalises head size; ``rigid``: six.

    Returns:
        World mm of the template to world mm of the source, (4, 4).

    Raises:
        DamagedScanError: The optimiser failed.
    """
    import SimpleITK

    stripped = np.where(mask, brain.data, np.float32(0)).astype(np.float32)
    images = [
        _averaged(to_itk(template.data, template.affine)),
        _averaged(to_itk(stripped, brain.affine)),
    ]
    inside = template.data > 0
    region = _dilated(images[0] > 0)
    start = SimpleITK.Euler3DTransform()
    _centre(start, template, inside, brain, mask)
    rigid = _optimised(images, region, _start(images, region, start), (4, 2), (4.0, 2.0))
    found = _affine(rigid) if kind == "affine" else rigid
    return matrix_of(_optimised(images, region, found, (2, 1), (2.0, 1.0)))


def _affine(rigid: Any) -> "SimpleITK.AffineTransform":
    import SimpleITK

    affine = SimpleITK.AffineTransform(3)
    affine.SetCenter(rigid.GetCenter())
    affine.SetMatrix(rigid.GetMatrix())
    affine.SetTranslation(rigid.GetTranslation())
    return affine


def _averaged(image: "SimpleITK.Image") -> "SimpleITK.Image":
    """The image with voxels of up to ``TEMPLATE_MM``."""
    import SimpleITK

    return SimpleITK.BinShrink(image, [max(1, int(TEMPLATE_MM / s)) for s in image.GetSpacing()])


def _centre(
    transform: "SimpleITK.Euler3DTransform", fixed: Scan, brain: Mask, moving: Scan, other: Mask
) -> None:
    """Put one brain's centre on the other's."""
    here, there = _centroid(brain, fixed.affine), _centroid(other, moving.affine)
    transform.SetCenter(here.tolist())
    transform.SetTranslation((there - here).tolist())


def _centroid(mask: Mask, affine: Affine) -> Point:
    """Centre of a mask in LPS mm, (3,)."""
    sums = [np.count_nonzero(mask, axis=axes) for axes in ((1, 2), (0, 2), (0, 1))]
    middle = [float(np.average(np.arange(len(line)), weights=line)) for line in sums]
    return (affine[:3, :3] @ middle + affine[:3, 3]) * (-1, -1, 1)


def _dilated(mask: "SimpleITK.Image") -> "SimpleITK.Image":
    """The mask and a margin of ``MARGIN_MM``."""
    import SimpleITK

    distance = SimpleITK.SignedMaurerDistanceMap(mask, squaredDistance=False, useImageSpacing=True)
    return distance <= MARGIN_MM


def _start(
    images: Sequence["SimpleITK.Image"],
    region: "SimpleITK.Image",
    start: "SimpleITK.Euler3DTransform",
) -> "SimpleITK.Euler3DTransform":
    """The best of a lattice of rotations at coarse resolution, to avoid a local optimum."""
    import SimpleITK

    steps = [max(1, round(COARSE_MM / size)) for size in images[0].GetSpacing()]
    smooth = [SimpleITK.SmoothingRecursiveGaussian(image, COARSE_MM / 2) for image in images]
    method = _method(SimpleITK.Shrink(region, steps), 1.0)
    found = SimpleITK.Euler3DTransform(start)
    method.SetOptimizerAsExhaustive([2, 2, 2, 0, 0, 0])
    method.SetOptimizerScales([np.deg2rad(TURNS_DEGREES)] * 3 + [1.0] * 3)
    method.SetInitialTransform(found, inPlace=True)
    _execute(method, [SimpleITK.Shrink(smooth[0], steps), smooth[1]])
    return found


def _optimised(
    images: Sequence["SimpleITK.Image"],
    region: "SimpleITK.Image",
    start: "SimpleITK.Transform",
    shrink: Sequence[int],
    sigma_mm: Sequence[float],
) -> "SimpleITK.Transform":
    """Optimise from a start, coarse to fine."""
    found = type(start)(start)
    share = min(1.0, SAMPLES / max(1, int(from_itk(region).sum())))
    method = _method(region, share)
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=1.0,
        minStep=FINEST_STEP_MM,
        numberOfIterations=ITERATIONS,
        gradientMagnitudeTolerance=1e-8,
    )
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel(list(shrink))
    method.SetSmoothingSigmasPerLevel(list(sigma_mm))
    method.SetSmoothingSigmasAreSpecifiedInPhysicalUnits(True)
    method.SetInitialTransform(found, inPlace=True)
    _execute(method, images)
    return found


def _method(region: "SimpleITK.Image", share: float) -> "SimpleITK.ImageRegistrationMethod":
    import SimpleITK

    method = SimpleITK.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(BINS)
    method.SetMetricFixedMask(region)
    if share < 1:
        method.SetMetricSamplingStrategy(method.REGULAR)
        method.SetMetricSamplingPercentage(share, SEED)
    method.SetInterpolator(SimpleITK.sitkLinear)
    return method


def _execute(
    method: "SimpleITK.ImageRegistrationMethod", images: Sequence["SimpleITK.Image"]
) -> None:
    try:
        method.Execute(*images)
    except RuntimeError as error:
        raise DamagedScanError(REGISTRATION, str(error).splitlines()[-1].strip()) from error
