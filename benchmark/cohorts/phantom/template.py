"""The anatomy that all participants are deformed from: MNI152 as shipped in nilearn's wheel."""

from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from longibench.benchmark.cohorts.phantom.hippocampus import hippocampi
from longibench.benchmark.cohorts.phantom.lattice import Lattice

BRAIN_ML = 1300.0  # MNI152's brain is larger than average; the template is scaled to this
LATERAL_VENTRICLE = (-8.0, 10.0, 15.0)  # a point in it, MNI mm
CISTERN_DEPTH_MM = 20  # inner fluid is deeper than this; cisterns and sulci are not
MARGIN = 2  # empty voxels around the cropped head
FWHM_TO_SIGMA = 1 / np.sqrt(8 * np.log(2))

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Image:
    """A volume (C, X, Y, Z) and its lattice."""

    lattice: Lattice
    volume: Tensor

    def at(self, points: Tensor, outside: str = "zeros") -> Tensor:
        """Values (N, C) at positions (N, 3) in mm; ``outside`` as in ``Lattice.sample``."""
        return self.lattice.sample(self.volume, points, outside)


@dataclass(frozen=True)
class Template:
    """Maps in [0, 1] on one lattice, (X, Y, Z) each; grey matter includes the hippocampi."""

    lattice: Lattice
    t1: Array
    head: Array
    grey: Array
    white: Array
    ventricles: Array
    hippocampus: Array

    def deformed(self, positions: Tensor) -> "Template":
        """The template whose points (N, 3), those of its lattice, come from other positions."""
        names = [field.name for field in fields(self) if field.name != "lattice"]
        maps = Image(self.lattice, torch.from_numpy(np.stack([getattr(self, n) for n in names])))
        values = torch.zeros(len(positions), len(names))
        near = maps.volume[names.index("head")].reshape(-1) > 0  # the rest stays empty
        values[near] = maps.at(positions[near])
        return Template(self.lattice, *self.lattice.volume(values).numpy())

    def at(self, fwhm_mm: float, *names: str) -> Image:
        """Maps blurred to a resolution, so that resampling them does not alias."""
        spacing = self.lattice.spacing
        sigma = fwhm_mm * FWHM_TO_SIGMA / spacing
        every = max(1, int(fwhm_mm / spacing / 2))  # the blur makes the other voxels redundant
        maps = [ndimage.gaussian_filter(getattr(self, name), sigma) for name in names]
        maps = [_every(values, every) for values in maps]
        x, y, z = maps[0].shape
        return Image(Lattice((x, y, z), spacing * every), torch.from_numpy(np.stack(maps)))

    def coarse(self, factor: int, *names: str) -> tuple[Lattice, dict[str, Array]]:
        """Maps averaged over blocks of voxels, on a lattice padded against effects of periodicity.

        Returns:
            The coarse lattice and the maps by name.
        """
        pad = [_padding(side, 6 * factor, factor) for side in self.lattice.shape]
        shape = [
            (side + 2 * extra) // factor
            for side, extra in zip(self.lattice.shape, pad, strict=True)
        ]
        blocks = [number for side in shape for number in (side, factor)]
        maps = {}
        for name in names:
            padded = np.pad(getattr(self, name), [(extra, extra) for extra in pad])
            maps[name] = padded.reshape(blocks).mean(axis=(1, 3, 5), dtype=np.float32)
        return Lattice((shape[0], shape[1], shape[2]), self.lattice.spacing * factor), maps


def load_template() -> Template:
    """Load MNI152, crop it to the head and scale it to a brain of ``BRAIN_ML``."""
    from nilearn import datasets  # slow to import

    image = datasets.load_mni152_template(resolution=1)
    t1 = image.get_fdata(dtype=np.float32)
    grey = datasets.load_mni152_gm_template(resolution=1).get_fdata(dtype=np.float32)
    white = datasets.load_mni152_wm_template(resolution=1).get_fdata(dtype=np.float32)
    head = ndimage.binary_fill_holes(t1 > 0)
    grey, white = grey * head, white * head
    inside = np.linalg.inv(image.affine) @ [*LATERAL_VENTRICLE, 1.0]
    ventricles = _ventricles(head, 1 - grey - white, inside[:3].round().astype(int))
    scale = (BRAIN_ML * 1000 / float((grey + white).sum())) ** (1 / 3)
    hippocampus = hippocampi(grey, image.affine)
    maps = [_crop(values, head) for values in (t1, head, grey, white, ventricles, hippocampus)]
    shape = maps[0].shape
    return Template(Lattice((shape[0], shape[1], shape[2]), scale), *maps)


def _ventricles(head: NDArray[np.bool_], fluid: Array, inside: NDArray[np.int_]) -> Array:
    """The connected deep fluid around a voxel of the lateral ventricles, with its soft edge."""
    deep = ndimage.minimum_filter(head, size=2 * CISTERN_DEPTH_MM + 1)
    labels, _ = ndimage.label((fluid > 0.5) & deep)
    ventricles = labels == labels[tuple(inside)]
    return np.where(ndimage.binary_dilation(ventricles), fluid.clip(0, 1), 0).astype(np.float32)


def _crop(values: NDArray, head: NDArray[np.bool_]) -> Array:
    box = ndimage.find_objects(head.astype(int))[0]
    cropped = values[box].astype(np.float32)
    # Odd sides: the lattice then has a central voxel, which subsampling keeps.
    return np.pad(cropped, [(MARGIN, MARGIN + 1 - side % 2) for side in cropped.shape])


def _every(values: Array, step: int) -> Array:
    """Every ``step``-th voxel, counted from the central one (sides are odd), which is kept."""
    picks = tuple(slice((side - 1) // 2 % step, None, step) for side in values.shape)
    return np.ascontiguousarray(values[picks])


def _padding(side: int, least: int, factor: int) -> int:
    """Padding on each side, at least ``least``, that makes the side divisible by the factor."""
    extra = least
    while (side + 2 * extra) % factor:
        extra += 1
        if extra > least + factor:
            raise ValueError(f"a side of {side} cannot be padded evenly to a multiple of {factor}")
    return extra
