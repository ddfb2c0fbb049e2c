"""Images of an anatomy with known tissue: any contrast, resolution, noise, bias and field of view.

In the manner of SynthSeg (Billot et al. 2023, doi:10.1016/j.media.2023.102789), in T1's order of
tissues; half of the images keep the template's own texture.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation
from torch import Tensor

from anatomy_training.anatomies import World
from longibench.benchmark.cohorts.phantom.anatomy import carried
from longibench.benchmark.cohorts.phantom.lattice import Lattice
from longibench.benchmark.cohorts.phantom.template import Image
from longibench.benchmark.preparation.steps.intensity import scale_brain

MAPS = ("t1", "head", "grey", "white", "ventricles")
SPACINGS = (1.25, 1.5, 2.0, 2.5, 3.0)  # mm
CROP = (48, 56, 48)
WHOLE = (64, 80, 64)
WHOLE_MM = 2.5  # at which a whole head fits into WHOLE
SIZES = (0.88, 1.22)  # of the head along each axis: preparation scales heads to MNI152's
PERCENTILES = (1.0, 99.5)

Values = NDArray[np.float32]


@dataclass(frozen=True)
class Contrast:
    """Appearance of an image of a head; signals relative to white matter's in the template.

    Attributes:
        texture: Share of the template's own texture, 0 to 1; the rest is flat tissue.
        signals: Of fluid, grey and white matter.
        gamma: Exponent on the intensities.
        noise: Standard deviation, relative to the brightest tissue.
        blur: Standard deviation along each axis, voxels.
        bias: Largest logarithm of the bias field.
        edge: Share of a voxel that must be head; with ``ragged`` it differs from place to place.
        ragged: Standard deviation of ``edge`` over the image.
    """

    texture: float
    signals: tuple[float, float, float]
    gamma: float
    noise: float
    blur: tuple[float, float, float]
    bias: float
    edge: float
    ragged: float


@dataclass(frozen=True)
class Example:
    """One training example.

    Attributes:
        image: (1, X, Y, Z) in [-1, 1].
        tissue: Share of each of ``TISSUES``, (5, X, Y, Z).
        properties: ``PROPERTIES``, scaled to about unit spread, (9,).
    """

    image: Tensor
    tissue: Tensor
    properties: Tensor


def sample_contrast(rng: Generator) -> Contrast:
    """Sample the appearance of an image, with more variation than the scanner of any cohort."""
    fluid = rng.uniform(0.05, 0.42)
    grey = rng.uniform(fluid + 0.15, 0.8)
    white = rng.uniform(grey + 0.1, 1.05)
    blur = np.full(3, rng.choice([0, rng.uniform(0, 1.0)]))
    if rng.random() < 0.25:  # thick slices
        blur[rng.integers(3)] += rng.uniform(0.4, 1.3)
    return Contrast(
        texture=float(rng.choice([1.0, rng.uniform(0, 1)])),
        signals=(fluid, grey, white),
        gamma=float(np.exp(rng.uniform(-0.45, 0.45))),
        noise=float(rng.choice([rng.uniform(0, 0.02), rng.uniform(0, 0.08)])),
        blur=(float(blur[0]), float(blur[1]), float(blur[2])),
        bias=float(rng.choice([0.03, rng.uniform(0, 0.3)])),
        edge=float(rng.uniform(0.15, 0.6)),
        ragged=float(rng.choice([0, rng.uniform(0, 0.2)])),
    )


class Camera:
    """Takes images of anatomies."""

    def __init__(self, world: World) -> None:
        """Args: the template and its modes of change."""
        self._images = {spacing: world.template.at(spacing, *MAPS) for spacing in SPACINGS}

    def shares(self, anatomy: Tensor, points: Tensor, spacing: float) -> Values:
        """``MAPS`` (5, N) of an anatomy at points (N, 3) of the head, at a resolution in mm."""
        image: Image = self._images[spacing]
        return carried(image, points, anatomy).numpy().T

    def shoot(self, anatomy: Tensor, rng: Generator, whole: bool) -> Example:
        """Sample a view, a contrast and noise, and take an image.

        Args:
            anatomy: Displacement to the template (3, X, Y, Z) on ``FIELD``, mm.
            rng: For all random values.
            whole: The whole head at ``WHOLE_MM``, or a part of it at any of ``SPACINGS``.
        """
        spacing = WHOLE_MM if whole else float(rng.choice(SPACINGS))
        shape = WHOLE if whole else CROP
        size = rng.uniform(*SIZES, 3) ** 0.5 * rng.uniform(*SIZES) ** 0.5
        points = sample_view(rng, shape, spacing, size)
        maps = self.shares(anatomy, points, spacing).reshape(len(MAPS), *shape)
        contrast = sample_contrast(rng)
        image, inside = take(maps, contrast, rng)
        return example(maps, image, inside, contrast)


def sample_view(
    rng: Generator, shape: tuple[int, int, int], spacing: float, size: NDArray[np.float64]
) -> Tensor:
    """Points (N, 3) of the head, mm, that a grid's voxels show."""
    rotation = Rotation.from_euler("xyz", rng.normal(0, 4, 3).clip(-10, 10), degrees=True)
    room = (np.array(WHOLE) * WHOLE_MM - np.array(shape) * spacing).clip(min=0) / 2
    centre = rng.uniform(-room, room) + rng.normal(0, 3, 3)
    points = Lattice(shape, spacing).points().numpy().astype(np.float64) + centre
    return torch.from_numpy((rotation.apply(points) / size).astype(np.float32))


def take(maps: Values, contrast: Contrast, rng: Generator) -> tuple[Values, NDArray[np.bool_]]:
    """An image (X, Y, Z) in [-1, 1] of ``MAPS`` (5, X, Y, Z), and where it shows the head."""
    t1, head, grey, white, _ = maps
    fluid = (head - grey - white).clip(min=0)
    flat = sum(s * part for s, part in zip(contrast.signals, (fluid, grey, white), strict=True))
    signal = contrast.texture * t1.clip(min=0) + (1 - contrast.texture) * flat
    signal = signal.clip(min=0) ** contrast.gamma * np.exp(_field(t1.shape, contrast.bias, rng))
    signal = ndimage.gaussian_filter(signal, contrast.blur)
    signal += contrast.noise * rng.standard_normal(t1.shape, np.float32)
    ragged = contrast.ragged * _smooth(t1.shape, 2.0, rng) if contrast.ragged else 0.0
    inside = head + ragged > contrast.edge
    if inside.sum() < 100:  # no head in the view
        return np.full(t1.shape, -1, np.float32), np.zeros(t1.shape, bool)
    return scale_brain(signal.astype(np.float32), inside, PERCENTILES), inside


def example(maps: Values, image: Values, inside: NDArray[np.bool_], contrast: Contrast) -> Example:
    """Pair an image with its ground truth, which is background outside the image's head."""
    tissue = tissue_shares(maps) * inside
    tissue[0] = 1 - tissue[1:].sum(axis=0)
    shares = tissue[1:].mean(axis=(1, 2, 3))
    properties = [
        (1 - tissue[0].mean() - 0.4) / 0.2,
        *((shares - [0.1, 0.15, 0.12, 0.015]) / [0.06, 0.08, 0.08, 0.015]),
        contrast.noise / 0.03 - 0.7,
        np.mean(contrast.blur) / 0.3 - 0.9,
        np.log(contrast.gamma) / 0.25,
        contrast.bias / 0.1 - 0.9,
    ]
    return Example(
        torch.from_numpy(image[None]),
        torch.from_numpy(tissue.astype(np.float32)),
        torch.tensor(np.array(properties, np.float32)),
    )


def tissue_shares(maps: Values) -> Values:
    """Shares of ``TISSUES`` (5, ...) from ``MAPS`` (5, ...); they sum to 1."""
    _, head, grey, white, ventricles = maps.clip(0, 1)
    brain = grey + white + ventricles
    excess = np.maximum(brain, 1)
    grey, white, ventricles = grey / excess, white / excess, ventricles / excess
    fluid = (head - grey - white - ventricles).clip(min=0)
    background = 1 - fluid - grey - white - ventricles
    return np.stack([background, fluid, grey, white, ventricles])


def _field(shape: tuple[int, ...], largest: float, rng: Generator) -> Values:
    """A smooth field with the given largest absolute value."""
    coarse = rng.standard_normal((3, 3, 3)).astype(np.float32)
    zoom = [side / 3 for side in shape]
    field = ndimage.zoom(coarse, zoom, order=1, grid_mode=True, mode="nearest")
    return field * np.float32(largest / np.abs(field).max())


def _smooth(shape: tuple[int, ...], sigma: float, rng: Generator) -> Values:
    """Smooth noise of unit standard deviation."""
    noise = ndimage.gaussian_filter(rng.standard_normal(shape, np.float32), sigma)
    return noise / noise.std()
