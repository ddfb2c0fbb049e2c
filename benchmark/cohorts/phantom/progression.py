"""How a brain changes: stationary velocity fields whose divergence is prescribed tissue change."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from longibench.benchmark.cohorts.phantom.lattice import Lattice, flow, total
from longibench.benchmark.cohorts.phantom.template import FWHM_TO_SIGMA, Template

COARSENING = 3  # the velocity varies slowly: every third voxel of the template is sufficient
WHITE_TO_GREY = 0.5  # white matter's loss relative to grey matter's
FLUID_MM = 8.0  # thickness of the fluid around the brain that replaces what the brain loses
AIR_MM = 9.0  # margin around the head that is moved with it
MEASURED_FWHM_MM = 4.0  # resolution at which the first version's modes are scaled
MODES = ("ventricles", "brain", "left-right", "front-back")

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Modes:
    """Modes of change, in the template's space.

    Attributes:
        names: Of the modes.
        lattice: Where they are given.
        velocities: One volume (3, X, Y, Z) per mode, stacked: (M, 3, X, Y, Z), in mm.
        head: The head, (1, X, Y, Z).
        around: Region of possible heads, (1, X, Y, Z): the rest is air, which is not moved.
    """

    names: tuple[str, ...]
    lattice: Lattice
    velocities: Tensor
    head: Tensor
    around: Tensor

    def velocity(self, weights: tuple[float, ...]) -> Tensor:
        """The velocity field (3, X, Y, Z) of one participant, mm per year.

        Args:
            weights: Of the modes; of the first ones only, if there are fewer.
        """
        given = torch.tensor(weights)[:, None, None, None, None]
        return (given * self.velocities[: len(weights)]).sum(dim=0)


def atrophy_modes(template: Template) -> Modes:
    """The modes of the first version: v = grad u, laplacian u = d for the divergence d of each.

    A unit of ``ventricles`` grows the template's ventricles at the rate 1; a unit of ``brain``
    shrinks grey and white matter at the rate 1; ``left-right`` and ``front-back`` shift the loss of
    cortex to one side without changing the total. The first-order change of the brain's map B is
    the integral of B d, B at a resolution of ``MEASURED_FWHM_MM``: this determines the scale of
    loss. Ventricles grow far beyond first order, so that their scale is determined by integrating
    the flow for one unit. What a mode adds or removes is taken from the fluid around the brain, so
    that the skull does not move.
    """
    lattice, maps = template.coarse(COARSENING, "head", "grey", "white", "ventricles")
    fluid = fluid_around(maps, lattice.spacing)
    brain = maps["grey"] + maps["white"]
    loss = maps["grey"] + WHITE_TO_GREY * maps["white"]
    felt_brain = _blurred(brain, lattice.spacing)
    x, y, _ = (axis.numpy() for axis in lattice.volume(lattice.points()))
    divergences = [
        maps["ventricles"],
        -loss * (brain.sum() / (felt_brain * loss).sum()),
        -tilted(maps["grey"], felt_brain, x),
        -tilted(maps["grey"], felt_brain, y),
    ]
    fields = [curl_free(d - fluid * (d.sum() / fluid.sum()), lattice.spacing) for d in divergences]
    velocities = torch.from_numpy(np.stack(fields))
    velocities[0] /= _growth(lattice, velocities[0], maps["ventricles"])
    return Modes(MODES, lattice, velocities, **head_and_air(maps["head"], lattice.spacing))


def head_and_air(head: Array, spacing: float) -> dict[str, Tensor]:
    """``Modes.head`` and ``Modes.around`` from the map of the head."""
    around = ndimage.uniform_filter(head, size=2 * round(AIR_MM / spacing) + 1)
    return {"head": torch.from_numpy(head)[None], "around": torch.from_numpy(around)[None]}


def _blurred(values: Array, spacing: float) -> Array:
    """A map at the resolution at which volumes are measured."""
    return ndimage.gaussian_filter(values, MEASURED_FWHM_MM * FWHM_TO_SIGMA / spacing)


def _growth(lattice: Lattice, velocity: Tensor, ventricles: Array) -> float:
    """Relative growth of the ventricles under the flow for one unit of time."""
    before = torch.from_numpy(_blurred(ventricles, lattice.spacing))[None]
    came_from = flow(lattice, velocity, lattice.points(), -1.0, lattice.spacing / 4)
    after = lattice.sample(before, came_from)
    return total(after) / total(before) - 1


def fluid_around(maps: dict[str, Array], spacing: float) -> Array:
    """Share of the fluid in and around the head that replaces what the brain loses."""
    around = ndimage.maximum_filter(maps["head"], 2 * round(FLUID_MM / spacing) + 1)
    return (around - maps["grey"] - maps["white"] - maps["ventricles"]).clip(0, 1)


def tilted(grey: Array, brain: Array, axis: Array) -> Array:
    """Loss of cortex growing along an axis from -1 to 1, with no effect on the whole brain."""
    slope = axis / np.abs(axis[grey > 0.5]).max()
    weight = grey * (slope - (brain * grey * slope).sum() / (brain * grey).sum())
    return weight.astype(np.float32)


def curl_free(divergence: Array, spacing: float) -> Array:
    """Gradient of the solution of Poisson's equation on a periodic lattice, (3, X, Y, Z)."""
    shape = divergence.shape
    waves = [2 * np.pi * np.fft.fftfreq(side, spacing) for side in shape[:2]]
    waves.append(2 * np.pi * np.fft.rfftfreq(shape[2], spacing))
    k = np.stack(np.meshgrid(*waves, indexing="ij"))
    square = (k**2).sum(axis=0)
    square[0, 0, 0] = 1.0  # the mean of the divergence is zero
    potential = -np.fft.rfftn(divergence) / square
    return np.stack(
        [np.fft.irfftn(1j * wave * potential, shape, axes=(0, 1, 2)) for wave in k]
    ).astype(np.float32)
