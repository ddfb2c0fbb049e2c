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
from torch.nn import functional as F

from anatomy_training.damage import blur, checkerboard, noise
from longibench.benchmark.cohorts.phantom.anatomy import FIELD, carried
from longibench.benchmark.cohorts.phantom.lattice import Lattice
from longibench.benchmark.cohorts.phantom.template import Image, Template
from longibench.benchmark.preparation.steps.intensity import scale_brain
from longibench.metrics.anatomy_grid import regridded, working_sides
from longibench.metrics.anatomy_network import SPACING_MM

MAPS = ("t1", "head", "grey", "white", "ventricles", "hippocampus")
SHAPE = (64, 80, 64)  # of the network's grid, whole heads
# Voxel sizes of the images, and their shares: the network sees all on its own grid.
NATIVE_MM = {5.0: 0.3, 2.5: 0.5, 1.5: 0.2}
# Mean and standard deviation of the share of each tissue in an image.
USUAL = np.array(
    [
        [0.731, 0.026, 0.131, 0.0986, 0.0113, 0.00136],
        [0.061, 0.006, 0.0305, 0.0227, 0.0092, 0.00057],
    ]
)
COARSENING, AROUND = 3, 3  # of the template's head, and by how many voxels the search is wider
SIZES = (0.88, 1.22)  # of the head along each axis: preparation scales heads to MNI152's
PERCENTILES = (1.0, 99.5)

Values = NDArray[np.float32]
FieldOfView = NDArray[np.float64]  # mm along each axis
Sides = tuple[int, int, int]


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
        rim: The head's edge fades over about this many voxels, as resampling a cut head makes it.
    """

    texture: float
    signals: tuple[float, float, float]
    gamma: float
    noise: float
    blur: tuple[float, float, float]
    bias: float
    edge: float
    ragged: float
    rim: float = 0.0


@dataclass(frozen=True)
class Residue:
    """What a generator leaves behind in an image, in shares of the range and in voxels.

    Attributes:
        blur: Standard deviation, voxels.
        noise: Standard deviation inside the head.
        checkerboard: Amplitude of alternately brighter and darker voxels.
    """

    blur: float = 0.0
    noise: float = 0.0
    checkerboard: float = 0.0


@dataclass(frozen=True)
class Example:
    """One training example.

    Attributes:
        image: On its own voxels, (1, X, Y, Z) in [-1, 1].
        spacing_mm: Size of these voxels along each axis.
        tissue: Share of each of ``TISSUES`` on the network's grid, (6, *SHAPE).
        properties: ``PROPERTIES``, scaled to about unit spread, (11,).
    """

    image: Tensor
    spacing_mm: float
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
        edge=float(rng.choice([rng.uniform(0.02, 0.15), rng.uniform(0.15, 0.6)])),
        ragged=float(rng.choice([0, rng.uniform(0, 0.2)])),
        rim=float(rng.choice([0, rng.uniform(0.3, 0.8)])),
    )


def sample_residue(rng: Generator) -> Residue:
    """Sample what a generator leaves behind; half of the images have none of a kind."""
    blur, noise, checkerboard = (
        float(rng.choice([0, rng.uniform(0, most)])) for most in (1.0, 0.06, 0.08)
    )
    return Residue(blur, noise, checkerboard)


class Camera:
    """Takes images of anatomies."""

    def __init__(self, template: Template) -> None:
        """Args: what the anatomies are deformed from."""
        self._images = {spacing: template.at(spacing, *MAPS) for spacing in NATIVE_MM}
        lattice, maps = template.coarse(COARSENING, "head")
        around = ndimage.maximum_filter(maps["head"], 2 * AROUND + 1)
        self._around = Image(lattice, torch.from_numpy(around)[None])

    def shares(self, anatomy: Tensor, points: Tensor, spacing: float) -> Values:
        """``MAPS`` (6, N) of an anatomy at points (N, 3) of the head, at a resolution in mm."""
        near = self._near(anatomy, points)
        values = torch.zeros(len(points), len(MAPS))
        values[near] = carried(self._images[spacing], points[near], anatomy)
        return values.numpy().T

    def _near(self, anatomy: Tensor, points: Tensor) -> Tensor:
        """Which points may show the head: the others, two thirds, need no interpolation."""
        head = self._around.at(FIELD.points() + anatomy.reshape(3, -1).T)[:, 0] > 0
        return head[FIELD.nearest(points)]

    def shoot(self, anatomy: Tensor, rng: Generator) -> list[Example]:
        """Take two images of a whole head and its mirror image, which costs little more than one.

        Voxels, pose, contrast and residue are sampled; the last two for each image.

        Args:
            anatomy: Displacement to the template (3, X, Y, Z) on ``FIELD``, mm.
            rng: For all random values.
        """
        spacing = float(rng.choice(list(NATIVE_MM), p=list(NATIVE_MM.values())))
        own, pose = sides_of(spacing), sample_pose(rng)
        field = np.multiply(own, spacing)  # of both, so that tissue is where the image shows it
        maps = self._maps(anatomy, pose, own, field, spacing)
        same = own == SHAPE
        truth = maps if same else self._maps(anatomy, pose, SHAPE, field, SPACING_MM)
        return [
            developed(shown, true, spacing, rng)
            for shown, true in ((maps, truth), (mirrored(maps), mirrored(truth)))
        ]

    def _maps(
        self, anatomy: Tensor, pose: "Pose", shape: Sides, field: FieldOfView, spacing: float
    ) -> Values:
        points = pose.place(shape, field)
        return self.shares(anatomy, points, spacing).reshape(len(MAPS), *shape)


def developed(maps: Values, truth: Values, spacing: float, rng: Generator) -> Example:
    """Sample a contrast and a residue for ``MAPS`` on an image's voxels and on the network's."""
    contrast, residue = sample_contrast(rng), sample_residue(rng)
    image, inside = take(maps, contrast, rng)
    image = left_behind(image, residue, rng)
    return example(truth, image, inside, contrast, residue, spacing)


def mirrored(maps: Values) -> Values:
    """Maps (6, X, Y, Z) of the mirror image, left and right exchanged."""
    return np.ascontiguousarray(maps[:, ::-1])


def sides_of(spacing: float) -> Sides:
    """Sides of an image of whole heads with voxels of a size in mm; the network's are ``SHAPE``."""
    x, y, z = working_sides(SHAPE, (SPACING_MM, SPACING_MM, SPACING_MM), spacing)
    return x, y, z


@dataclass(frozen=True)
class Pose:
    """Where and how large a head is in the image."""

    rotation: Rotation
    centre: NDArray[np.float64]
    size: NDArray[np.float64]

    def place(self, shape: Sides, field: FieldOfView) -> Tensor:
        """Points (N, 3) of the head, mm, that the voxels of an image show, by its sides in mm."""
        points = Lattice(shape, 1.0).points().numpy() * (field / shape) + self.centre
        turn = self.rotation.as_matrix().T / self.size
        return torch.from_numpy((points @ turn).astype(np.float32))


def sample_pose(rng: Generator) -> Pose:
    """Sample a pose."""
    size = rng.uniform(*SIZES, 3) ** 0.5 * rng.uniform(*SIZES) ** 0.5
    turned = rng.normal(0, 4, 3).clip(-10, 10)
    return Pose(Rotation.from_euler("xyz", turned, degrees=True), rng.normal(0, 3, 3), size)


def left_behind(image: Values, residue: Residue, rng: Generator) -> Values:
    """An image with a residue."""
    image = blur(image, residue.blur) if residue.blur else image
    image = noise(image, residue.noise, rng) if residue.noise else image
    return checkerboard(image, residue.checkerboard) if residue.checkerboard else image


def take(maps: Values, contrast: Contrast, rng: Generator) -> tuple[Values, NDArray[np.bool_]]:
    """An image (X, Y, Z) in [-1, 1] of ``MAPS`` (6, X, Y, Z), and where it shows the head."""
    t1, head, grey, white, *_ = maps
    fluid = (head - grey - white).clip(min=0)
    flat = sum(s * part for s, part in zip(contrast.signals, (fluid, grey, white), strict=True))
    signal = contrast.texture * t1.clip(min=0) + (1 - contrast.texture) * flat
    signal = signal.clip(min=0) ** contrast.gamma * np.exp(_field(t1.shape, contrast.bias, rng))
    signal = ndimage.gaussian_filter(signal, contrast.blur)
    if contrast.rim:
        signal *= ndimage.gaussian_filter((head > 0.5).astype(np.float32), contrast.rim)
    signal += contrast.noise * rng.standard_normal(t1.shape, np.float32)
    ragged = contrast.ragged * _smooth(t1.shape, 2.0, rng) if contrast.ragged else 0.0
    inside = head + ragged > contrast.edge
    if inside.sum() < 100:  # no head in the view
        return np.full(t1.shape, -1, np.float32), np.zeros(t1.shape, bool)
    return scale_brain(signal.astype(np.float32), inside, PERCENTILES), inside


def example(
    maps: Values,
    image: Values,
    inside: NDArray[np.bool_],
    contrast: Contrast,
    residue: Residue,
    spacing: float,
) -> Example:
    """Pair an image with its ground truth, which is background outside the image's head.

    Args:
        maps: ``MAPS`` on the network's grid, (6, *SHAPE).
        image: On its own voxels.
        inside: Where it shows the head.
        contrast: Its appearance.
        residue: What was added to it.
        spacing: Size of its voxels, mm.
    """
    shown = torch.from_numpy(inside.astype(np.float32))[None, None]
    tissue = shown_tissue(maps, regridded(shown, maps.shape[1:])[0, 0].numpy())
    shares = tissue.mean(axis=(1, 2, 3))
    properties = [
        *((shares - USUAL[0]) / USUAL[1]),
        np.hypot(contrast.noise, residue.noise) ** 0.5 / 0.08 - 2,
        np.hypot(np.mean(contrast.blur), residue.blur) / 0.4 - 1.2,
        np.log(contrast.gamma) / 0.25,
        contrast.bias / 0.1 - 0.9,
        residue.checkerboard**0.5 / 0.1 - 0.8,
    ]
    return Example(
        torch.from_numpy(image[None]),
        spacing,
        torch.from_numpy(tissue.astype(np.float32)),
        torch.tensor(np.array(properties, np.float32)),
    )


def tissue_shares(maps: Values) -> Values:
    """Shares of ``TISSUES`` (6, ...) from ``MAPS`` (6, ...); they sum to 1."""
    _, head, grey, white, ventricles, hippocampus = maps.clip(0, 1)
    excess = np.maximum(grey + white + ventricles, 1)
    grey, white, ventricles = grey / excess, white / excess, ventricles / excess
    hippocampus = np.minimum(hippocampus / excess, grey)
    fluid = (head - grey - white - ventricles).clip(min=0)
    background = 1 - fluid - grey - white - ventricles
    return np.stack([background, fluid, grey - hippocampus, white, ventricles, hippocampus])


def shown_tissue(maps: Values, inside: Values | NDArray[np.bool_]) -> Values:
    """Shares of ``TISSUES`` (6, X, Y, Z) of ``MAPS``, background outside what an image shows.

    Args:
        maps: (6, X, Y, Z).
        inside: The share of each voxel that is shown, (X, Y, Z).
    """
    tissue = tissue_shares(maps) * inside
    tissue[0] = 1 - tissue[1:].sum(axis=0)
    return tissue


def _field(shape: tuple[int, ...], largest: float, rng: Generator) -> Values:
    """A smooth field with the given largest absolute value."""
    coarse = torch.from_numpy(rng.standard_normal((1, 1, 3, 3, 3)).astype(np.float32))
    field = F.interpolate(coarse, shape, mode="trilinear")[0, 0].numpy()
    return field * np.float32(largest / np.abs(field).max())


def _smooth(shape: tuple[int, ...], sigma: float, rng: Generator) -> Values:
    """Smooth noise of unit standard deviation."""
    noise = ndimage.gaussian_filter(rng.standard_normal(shape, np.float32), sigma)
    return noise / noise.std()
