"""Acquisition of a whole head: any pose, thick slices, gain, bias field and noise."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from longibench.benchmark.cohorts.phantom.anatomy import carried
from longibench.benchmark.cohorts.phantom.layers import Layers, Thickness
from longibench.benchmark.cohorts.phantom.raw_session import RawSession, Shape
from longibench.benchmark.cohorts.phantom.template import Image, Template
from longibench.benchmark.settings.phantom_raw import RawSettings, SliceProtocol

WHITE = 600  # stored intensity of the template's brightest tissue at gain 1


@dataclass(frozen=True)
class Head:
    """A participant's head at a visit.

    Attributes:
        moved: Displacement (3, X, Y, Z) on ``FIELD`` to the template, of the brain at this visit.
        surroundings: The tissue around the brain at any visit, from ``participant_surroundings``.
        contrast: Exponent on the template's intensities.
        thickness: Of skull and fat.
    """

    moved: Tensor
    surroundings: Image
    contrast: float
    thickness: Thickness


class RawScanner:
    """Acquires whole heads."""

    def __init__(self, template: Template, settings: RawSettings) -> None:
        """Args: the template, and what the scanner adds."""
        resolutions = sorted({protocol.in_plane_mm for protocol in settings.protocols})
        self._brains = {fwhm_mm: template.at(fwhm_mm, "t1", "head") for fwhm_mm in resolutions}
        self._noise = settings.noise

    def acquire(self, head: Head, session: RawSession, rng: Generator) -> NDArray[np.uint16]:
        """Scan a head: all maps composed, the template's intensities interpolated once.

        In-plane, the template is blurred to the voxel size; across, points are averaged over the
        slice's thickness.

        Returns:
            Magnitudes on the session's grid, with Rician noise (Gudbjartsson and Patz, Magn Reson
            Med 1995; 34:910), so that air is not zero.
        """
        layers = Layers(head.thickness, session.protocol.in_plane_mm)
        scan = np.empty(session.shape, np.uint16)
        across = _across(session.protocol)
        for index in range(session.shape[2]):
            signal = np.zeros(session.shape[0] * session.shape[1])
            for offset in across:
                points = slice_points(session.shape, session.to_head, index + offset)
                signal += self._signal(points, head, session.protocol, layers)
            clean = signal.reshape(session.shape[:2]) / len(across) * session.bias_field(index)
            noise = self._noise * rng.standard_normal((2, *clean.shape), np.float32)
            magnitude = session.gain * np.hypot(clean + noise[0], noise[1])
            scan[:, :, index] = (WHITE * magnitude).round()
        return scan

    def _signal(
        self, points: Tensor, head: Head, protocol: SliceProtocol, layers: Layers
    ) -> NDArray[np.float64]:
        """Signal (N,) at points (N, 3) of the head."""
        around = head.surroundings.at(points, "border").numpy().astype(np.float64)
        outward, depth, filling = around.T
        signal = layers.signal(outward, depth, filling)
        inside = np.flatnonzero(outward < protocol.in_plane_mm + 1)  # the extent of its blur
        brain = carried(self._brains[protocol.in_plane_mm], points[inside], head.moved)
        t1, cover = brain.numpy().T
        signal[inside] = t1.clip(min=0) ** head.contrast + (1 - cover) * signal[inside]
        return signal


def slice_points(shape: Shape, to_head: NDArray[np.float64], index: float) -> Tensor:
    """Positions (N, 3) in the head of a slice's voxels; the index may be fractional."""
    # Not a matrix product, whose last digits depend on the number of threads.
    start = to_head[:3, 2] * index + to_head[:3, 3]
    rows = start + np.arange(shape[0])[:, None] * to_head[:3, 0]
    points = rows[:, None] + np.arange(shape[1])[:, None] * to_head[:3, 1]
    return torch.from_numpy(points.reshape(-1, 3).astype(np.float32))


def _across(protocol: SliceProtocol) -> NDArray[np.float64]:
    """Where a slice is sampled across its thickness, in slices from its middle."""
    number = max(1, round(protocol.slice_mm / protocol.in_plane_mm))
    return (np.arange(number) + 0.5) / number - 0.5
