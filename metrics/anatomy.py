"""Reads a volume with the embedded network: features for set metrics, and a segmentation.

Its versions, training and accuracy are described in ``docs/anatomy.md``.
"""

import hashlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load as load_tensors
from torch import Tensor

from longibench.metrics import anatomy_network as second
from longibench.metrics import anatomy_network_1 as first
from longibench.metrics.anatomy_grid import regridded
from longibench.metrics.medicalnet import initialise_weights
from longibench.metrics.scan import Spacing, Volume
from longibench.metrics.weight_files import WeightsError

Network = first.AnatomyNetwork1 | second.AnatomyNetwork
Shares = NDArray[np.float32]

DATA = Path(__file__).parent / "data"


@dataclass(frozen=True)
class Release:
    """A version of the network and its weights.

    Attributes:
        name: In definitions of metrics; equal ones give equal values.
        network: Its class.
        path: Its weights, half precision.
        sha256: Of the file.
        features: Their number.
        fixed: What else its definition has.
    """

    name: str
    network: type[first.AnatomyNetwork1] | type[second.AnatomyNetwork]
    path: Path
    sha256: str
    features: int
    fixed: Mapping[str, float] = field(default_factory=dict)


RELEASES = {
    1: Release(
        "embedded anatomy",
        first.AnatomyNetwork1,
        DATA / "anatomy.safetensors",
        "d0c0b09a7ce4fe5d34e86af9e6e9f967edaa3d3ef73fa20a7a6069da7f4a4467",
        first.FEATURES,
        {"coarsest_mm": first.COARSEST_MM},
    ),
    2: Release(
        "embedded anatomy 2",
        second.AnatomyNetwork,
        DATA / "anatomy_2.safetensors",
        "002389ae9c615a54577bd2f7e044b99eca38d8b94a225536996d49b4a09872f1",
        second.FEATURES,
    ),
}
NEWEST = max(RELEASES)


@dataclass(frozen=True)
class Reading:
    """The output of one forward pass of the network on a volume.

    Attributes:
        maps: The network's maps, (C, x, y, z) each, from fine to coarse.
        pooled: Features (d,).
        spacing_mm: Size of the volume's voxels.
        shape: The volume's.
        tissues: What the shares are of.
        decode: Computes ``shares``, which costs more than the rest.
    """

    maps: tuple[NDArray[np.float32], ...]
    pooled: NDArray[np.float64]
    spacing_mm: Spacing
    shape: tuple[int, ...]
    tissues: tuple[str, ...]
    decode: Callable[[], Tensor]

    @cached_property
    def shares(self) -> Tensor:
        """Of ``tissues`` at each voxel of the network's grid, (T, x, y, z)."""
        return self.decode()

    @cached_property
    def probabilities(self) -> Shares:
        """Of ``tissues`` at each voxel of the volume's own grid, (T, X, Y, Z)."""
        return regridded(self.shares[None], self.shape)[0].contiguous().numpy()

    @cached_property
    def volumes(self) -> dict[str, float]:
        """Volumes in ml; see ``tissue_volumes``."""
        sides = zip(self.shape, self.shares.shape[1:], self.spacing_mm, strict=True)
        x, y, z = (size * old / new for old, new, size in sides)
        return tissue_volumes(self.shares.numpy(), (x, y, z), self.tissues)


def load_embedded(version: int = NEWEST) -> Network:
    """The trained network, from the file that comes with the project.

    Raises:
        WeightsError: The file does not exist, or is not the released one.
    """
    release = RELEASES[version]
    try:
        content = release.path.read_bytes()
    except OSError as error:
        raise WeightsError(f"{release.path}: cannot be read; install the project again") from error
    found = hashlib.sha256(content).hexdigest()
    if found != release.sha256:
        raise WeightsError(
            f"{release.path}: damaged or of another version (SHA256 {found}, expected "
            f"{release.sha256}); install the project again"
        )
    return with_weights(version, content)


def with_weights(version: int, content: bytes) -> Network:
    """A version of the network with the weights of a file.

    Raises:
        WeightsError: They are not those of this version.
    """
    network, tensors = _empty(version), load_tensors(content)
    stored = {name for name, value in network.state_dict().items() if value.is_floating_point()}
    if other := sorted(stored ^ tensors.keys()):  # batch norm's counters are not stored
        name = RELEASES[version].name
        raise WeightsError(f"not weights of {name}: {', '.join(other)} missing or unknown")
    network.load_state_dict({name: value.float() for name, value in tensors.items()}, strict=False)
    return network.eval()


def random_twin(seed: int, version: int = NEWEST) -> Network:
    """The same network with random weights from a seed; see ``metrics.medicalnet``."""
    return initialise_weights(_empty(version), seed).eval()


def _empty(version: int) -> Network:
    with torch.device("meta"):  # does not change the global random generator
        network = RELEASES[version].network()
    network = network.to_empty(device="cpu")
    for name, buffer in network.named_buffers():
        buffer.copy_(torch.full_like(buffer, float(name == "deviation")))
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm3d):
            module.reset_parameters()
    return network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]


@torch.inference_mode()
def read(
    network: Network,
    voxels: Volume,
    spacing_mm: Spacing,
    alone: AbstractContextManager[Any] = nullcontext(),  # noqa: B008 - holds nothing
) -> Reading:
    """Read one volume in a batch of its own: the result depends on no other volume.

    Args:
        network: In evaluation mode, on any device.
        voxels: (X, Y, Z) in [-1, 1], background -1.
        spacing_mm: Size of a voxel.
        alone: Held while the shares are computed, when they are first asked for.
    """
    device = next(network.parameters()).device
    given = torch.from_numpy(np.array(voxels, np.float32))[None, None].to(device)
    with _exact():
        seen = network.see(given, spacing_mm)

    @torch.inference_mode()
    def decode() -> Tensor:
        with alone, _exact():
            return seen.tissue()[0].contiguous().cpu()

    return Reading(
        tuple(stage[0].contiguous().cpu().numpy() for stage in seen.maps),
        seen.features[0].double().cpu().numpy(),
        spacing_mm,
        voxels.shape,
        type(network).tissues,
        decode,
    )


def _exact() -> AbstractContextManager[Any]:
    """Without TF32: its 10 bits in cuDNN's convolutions would let values depend on the device."""
    return torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False)


def tissue_volumes(
    shares: Shares, spacing_mm: Spacing, tissues: tuple[str, ...] = second.TISSUES
) -> dict[str, float]:
    """Volumes in ml: each tissue but the background, and ``brain``, grey and white matter.

    Shares are summed, voxels are not counted: a voxel that is half ventricle counts half. Grey
    matter includes the hippocampi.

    Args:
        shares: (T, x, y, z).
        spacing_mm: Size of a voxel.
        tissues: What the shares are of, the background first.
    """
    ml = float(np.prod(spacing_mm)) / 1000
    sums = shares.sum(axis=(1, 2, 3), dtype=np.float64) * ml
    volumes: dict[str, float] = dict(zip(tissues[1:], sums[1:].tolist(), strict=True))
    volumes["grey"] += volumes.get("hippocampus", 0.0)
    return {**volumes, "brain": volumes["grey"] + volumes["white"]}
