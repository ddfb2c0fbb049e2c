"""Reads a volume with the embedded network: features for set metrics, and a segmentation.

Its architecture, training and accuracy are described in ``docs/anatomy.md``.
"""

import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load as load_tensors
from torch import Tensor
from torch.nn import functional as F

from longibench.metrics.anatomy_network import FEATURES, STRIDE, TISSUES, AnatomyNetwork, pooled
from longibench.metrics.medicalnet import initialise_weights
from longibench.metrics.scan import Spacing, Volume
from longibench.metrics.weight_files import WeightsError

__all__ = [
    "FEATURES",
    "TISSUES",
    "VERSION",
    "Reading",
    "load_embedded",
    "random_twin",
    "read",
    "tissue_volumes",
]

VERSION = 1  # incremented with the weights
WEIGHTS = Path(__file__).parent / "data" / "anatomy.safetensors"
SHA256 = "d0c0b09a7ce4fe5d34e86af9e6e9f967edaa3d3ef73fa20a7a6069da7f4a4467"
COARSEST_MM = 2.5  # coarser volumes are interpolated to it: the network was trained on 1.25 to 3 mm
BACKGROUND = -1.0


@dataclass(frozen=True)
class Reading:
    """The output of one forward pass of the network on a volume.

    Attributes:
        maps: The encoder's five maps, (C, x, y, z) each, from fine to coarse.
        pooled: Their means over the volume, (d,).
        decode: Computes ``probabilities``, which costs more than the rest.
    """

    maps: tuple[NDArray[np.float32], ...]
    pooled: NDArray[np.float64]
    decode: Callable[[], NDArray[np.float32]]

    @cached_property
    def probabilities(self) -> NDArray[np.float32]:
        """Of ``TISSUES`` at each voxel of the volume's own grid, (5, X, Y, Z)."""
        return self.decode()


def load_embedded(path: Path = WEIGHTS) -> AnatomyNetwork:
    """The trained network, from the file that comes with the project.

    Raises:
        WeightsError: The file does not exist, or is not the released one.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read; install the project again") from error
    found = hashlib.sha256(content).hexdigest()
    if found != SHA256:
        raise WeightsError(
            f"{path}: damaged or of another version (SHA256 {found}, expected {SHA256}); install "
            "the project again"
        )
    network = _empty()
    network.load_state_dict(
        {name: value.float() for name, value in load_tensors(content).items()},
        strict=False,  # batch norm's counters are not stored
    )
    return network.eval()


def random_twin(seed: int) -> AnatomyNetwork:
    """The same network with random weights from a seed; see ``metrics.medicalnet``."""
    return initialise_weights(_empty(), seed).eval()


def _empty() -> AnatomyNetwork:
    with torch.device("meta"):  # does not change the global random generator
        network = AnatomyNetwork()
    network = network.to_empty(device="cpu")
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm3d):
            module.reset_parameters()
    return network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]


@torch.inference_mode()
def read(
    network: AnatomyNetwork,
    voxels: Volume,
    spacing_mm: Spacing,
    alone: AbstractContextManager[Any] = nullcontext(),  # noqa: B008 - holds nothing
) -> Reading:
    """Read one volume in a batch of its own: the result depends on no other volume.

    Args:
        network: In evaluation mode, on any device.
        voxels: (X, Y, Z) in [-1, 1], background -1.
        spacing_mm: Size of a voxel. Volumes coarser than ``COARSEST_MM`` are interpolated
            linearly to it, and the probabilities back.
        alone: Held while the probabilities are computed, when they are first asked for.
    """
    device = next(network.parameters()).device
    given = torch.from_numpy(np.array(voxels, np.float32))[None, None].to(device)
    fine = _refined(given, spacing_mm)
    padded, inside = _padded(fine)
    padded = padded.contiguous(memory_format=torch.channels_last_3d)
    with _exact():
        stages = network.stages(padded)

    @torch.inference_mode()
    def decode() -> NDArray[np.float32]:
        with alone, _exact():
            logits = network.logits(padded, stages)
        x, y, z = inside
        probabilities = logits.softmax(dim=1)[:, :, x, y, z]
        if fine.shape != given.shape:
            probabilities = F.interpolate(probabilities, given.shape[2:], mode="trilinear")
        return probabilities[0].contiguous().cpu().numpy()

    return Reading(
        tuple(stage[0].contiguous().cpu().numpy() for stage in stages),
        pooled(stages)[0].double().cpu().numpy(),
        decode,
    )


def _exact() -> AbstractContextManager[Any]:
    """Without TF32: its 10 bits in cuDNN's convolutions would let values depend on the device."""
    return torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False)


def tissue_volumes(probabilities: NDArray[np.float32], spacing_mm: Spacing) -> dict[str, float]:
    """Volumes in ml: each tissue except the background, and ``brain``, grey and white matter.

    Probabilities are summed, voxels are not counted: a voxel that is half ventricle counts half.

    Args:
        probabilities: (5, X, Y, Z).
        spacing_mm: Size of a voxel.
    """
    ml = float(np.prod(spacing_mm)) / 1000
    sums = probabilities.sum(axis=(1, 2, 3), dtype=np.float64) * ml
    volumes = dict(zip(TISSUES[1:], sums[1:].tolist(), strict=True))
    return {**volumes, "brain": volumes["grey"] + volumes["white"]}


def _refined(volume: Tensor, spacing_mm: Spacing) -> Tensor:
    """The volume (1, 1, X, Y, Z) at ``COARSEST_MM`` along the axes that are coarser."""
    sides = [
        max(side, round(side * size / COARSEST_MM))
        for side, size in zip(volume.shape[2:], spacing_mm, strict=True)
    ]
    if sides == list(volume.shape[2:]):
        return volume
    return F.interpolate(volume, sides, mode="trilinear")


def _padded(volume: Tensor) -> tuple[Tensor, list[slice]]:
    """The volume with sides that are multiples of ``STRIDE``, and its position in them."""
    padding: list[int] = []
    inside = []
    for side in reversed(volume.shape[2:]):
        missing = -side % STRIDE
        padding += [missing // 2, missing - missing // 2]
        inside.append(slice(missing // 2, missing // 2 + side))
    return F.pad(volume, padding, value=BACKGROUND), inside[::-1]
