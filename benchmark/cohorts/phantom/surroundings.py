"""The tissue around the brain, in the template's space: skull, face and neck.

It is described by three maps, which each participant's anatomy deforms like the brain: the
distance outward from the cavity of the brain, the depth below the skin, and the signal of the
tissue other than bone, fat and skin. ``layers`` computes intensities from them.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from longibench.benchmark.cohorts.phantom.anatomy import FIELD, carried
from longibench.benchmark.cohorts.phantom.lattice import Lattice
from longibench.benchmark.cohorts.phantom.template import Image, Template

EXTENT = Lattice((117, 145, 137), 2.0)  # 232 x 288 x 272 mm
CLOSING_MM = 10.0  # clefts of the brain narrower than twice this do not affect the skull
SMOOTHING_MM = 2.0  # standard deviation; of surfaces
HEAD_MM = 13.5  # nominal thickness of skull and scalp together
UNEVENNESS, UNEVEN_MM = 0.15, 30.0  # of that thickness: relative standard deviation, and its scale
CANAL_MM, CORD_MM = 8.0, 5.0  # radii of the spinal canal and the cord in it
SKIN_SMOOTHNESS_MM = 15.0  # standard deviation; finer shapes of the brain do not affect the skin
AT_ONCE = 200_000  # points; limits memory
# Signal of a T1-weighted scan; the template's white matter has 0.87, grey 0.65, fluid 0.26.
FLUID, CORD, MUSCLE, CAVITY, ORBIT, EYE = 0.16, 0.78, 0.46, 0.03, 1.1, 0.2
MARBLING, MARBLING_MM = 0.07, 2.0  # of muscle: standard deviation and scale

# Ellipsoids, mm from the middle of the template's head along RAS axes: (middle, radii).
FACE = ((0, 44, -62), (58, 54, 62))
CHEEKS = ((0, 12, -70), (68, 62, 46))
NECK = ((0, -28, -110), (58, 62, 75))
AIRWAYS = (
    ((0, 62, -58), (9, 26, 20)),  # nose
    ((0, 22, -92), (11, 9, 40)),  # throat
    ((26, 52, -66), (13, 14, 15)),  # maxillary sinuses
    ((-26, 52, -66), (13, 14, 15)),
    ((0, 40, -44), (8, 12, 7)),  # sphenoid and ethmoid sinuses
)
ORBITS = (((29, 58, -42), (16, 22, 15)), ((-29, 58, -42), (16, 22, 15)))
EYES = (((30, 70, -42), (12, 12, 12)), ((-30, 70, -42), (12, 12, 12)))

Mask = NDArray[np.bool_]
Values = NDArray[np.float64]
Ellipsoid = tuple[tuple[int, int, int], tuple[int, int, int]]


def surround(template: Template) -> Image:
    """Build the maps of the tissue around the template's brain.

    Returns:
        Three channels on ``EXTENT``: distance outward from the cavity, mm (negative in it); depth
        below the skin, mm (negative in air); signal of the remaining tissue.
    """
    points = EXTENT.points()
    xyz = points.numpy().T.reshape(3, *EXTENT.shape)
    head = template.lattice.sample(torch.from_numpy(template.head)[None], points)
    brain = head.numpy().reshape(EXTENT.shape) > 0.5
    canal, cord = _spine(brain, xyz)
    outward = _outward(_closed(brain | canal))
    body = _smooth(outward) < HEAD_MM * _uneven(1)
    for part in (FACE, CHEEKS, NECK):
        body |= _ellipsoid(xyz, part)
    filling = np.where(outward < 0, np.where(cord, CORD, FLUID), _soft_tissue(xyz))
    maps = [_smooth(outward), -_smooth(_outward(body)), ndimage.gaussian_filter(filling, 0.5)]
    return Image(EXTENT, torch.from_numpy(np.stack(maps).astype(np.float32)))


def participant_surroundings(template: Image, anatomy: Tensor) -> Image:
    """Deform what ``surround`` built into a participant's head.

    The skull follows the brain; the skin is smoother.

    Args:
        template: The three maps.
        anatomy: Displacement (3, X, Y, Z) of ``sample_anatomy``, before any atrophy.
    """
    sigma = (0, *[SKIN_SMOOTHNESS_MM / FIELD.spacing] * 3)
    smooth = torch.from_numpy(ndimage.gaussian_filter(anatomy.numpy(), sigma, mode="nearest"))
    skin = Image(EXTENT, template.volume[1:2])
    parts = []
    for points in EXTENT.points().split(AT_ONCE):
        values = carried(template, points, anatomy)
        values[:, 1:2] = carried(skin, points, smooth)
        parts.append(values)
    return Image(EXTENT, EXTENT.volume(torch.cat(parts)))


def _spine(brain: Mask, xyz: Values) -> tuple[Mask, Mask]:
    """The spinal canal and the cord in it, below the end of the template's brain stem."""
    x, y, z = xyz
    bottom = z[brain].min()
    stem = brain & (z < bottom + 8)
    off_axis = np.hypot(x - x[stem].mean(), y - y[stem].mean())
    return (off_axis < CANAL_MM) & (z < bottom + 8), (off_axis < CORD_MM) & (z < bottom + 2)


def _closed(mask: Mask) -> Mask:
    """Morphological closing with a ball."""
    grown = _outward(mask) < CLOSING_MM
    return _outward(grown) < -CLOSING_MM


def _outward(mask: Mask) -> Values:
    """Distance from the surface of a region, mm; negative inside."""
    outside: Values = ndimage.distance_transform_edt(~mask)
    return EXTENT.spacing * (outside - ndimage.distance_transform_edt(mask))


def _smooth(values: Values) -> Values:
    return np.asarray(ndimage.gaussian_filter(values, SMOOTHING_MM / EXTENT.spacing))


def _uneven(seed: int) -> Values:
    """A smooth random factor around 1."""
    return 1 + UNEVENNESS * _noise(seed, UNEVEN_MM)


def _noise(seed: int, scale_mm: float) -> Values:
    white = np.random.default_rng(seed).standard_normal(EXTENT.shape)
    smooth = np.asarray(ndimage.gaussian_filter(white, scale_mm / EXTENT.spacing))
    return smooth / smooth.std()


def _soft_tissue(xyz: Values) -> Values:
    """Muscle with streaks of fat, airways, and the eyes in orbital fat."""
    signal = MUSCLE + MARBLING * _noise(2, MARBLING_MM).clip(-2, 4)
    for value, parts in ((ORBIT, ORBITS), (EYE, EYES), (CAVITY, AIRWAYS)):
        for part in parts:
            signal[_ellipsoid(xyz, part)] = value
    return signal


def _ellipsoid(xyz: Values, part: Ellipsoid) -> Mask:
    middle, radii = (np.array(values).reshape(3, 1, 1, 1) for values in part)
    return np.asarray((((xyz - middle) / radii) ** 2).sum(axis=0) < 1)
