"""Files of network weights, in the format of MedicalNet's authors: verified and safely loaded."""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from longibench.metrics.medicalnet import ARCHITECTURES, DILATED, MedicalNet, Trunk, with_state


class WeightsError(ValueError):
    """Weights cannot be identified, obtained or verified; the message explains what to do."""


def checksum(path: Path) -> str:
    """SHA256 of a file, in hexadecimal.

    Raises:
        WeightsError: The file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise WeightsError(
            f"cannot read the weights {path}: {error.strerror}; check the path"
        ) from error


def read_depth(path: Path) -> int:
    """Determine the depth of the network whose weights a file contains.

    Raises:
        WeightsError: No such file, no weights in it, or those of another network.
    """
    depth = _depth_of(_entries(path))
    if depth is None:
        raise WeightsError(
            f"{path}: its entries are not those of a MedicalNet ResNet of depth "
            f"{', '.join(map(str, ARCHITECTURES))}"
        )
    return depth


def load(path: Path, depth: int, trunk: Trunk = DILATED) -> MedicalNet:
    """Load a network strictly, without unpickling anything but tensors.

    Raises:
        WeightsError: No such file, no weights in it, or weights that do not fit.
    """
    try:
        return with_state(depth, _entries(path), trunk)
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines()[1:3]]
        raise WeightsError(
            f"{path}: does not fit MedicalNet's ResNet-{depth}: {' '.join(lines)[:300]}"
        ) from error


def _entries(path: Path) -> Mapping[str, Tensor]:
    """Read the tensors of a file; data-parallel training adds the prefix ``module.``."""
    try:
        payload: Any = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise WeightsError(f"cannot read the weights {path}: no such file") from error
    except Exception as error:  # a damaged or malicious file can fail anywhere in the reader
        raise WeightsError(
            f"{path}: not a file of plain tensors, or damaged; refused without running its "
            "content. Save it with torch.save({'state_dict': network.state_dict()}, path)."
        ) from error
    state = payload.get("state_dict", payload) if isinstance(payload, Mapping) else None
    if not isinstance(state, Mapping) or not all(isinstance(v, Tensor) for v in state.values()):
        raise WeightsError(f"{path}: contains no network weights (a mapping of names to tensors)")
    return {str(name).removeprefix("module."): tensor for name, tensor in state.items()}


def _depth_of(entries: Iterable[str]) -> int | None:
    names = set(entries)
    bottleneck = any(name.endswith(".conv3.weight") for name in names)
    blocks = tuple(
        len({name.split(".")[1] for name in names if name.startswith(f"layer{layer}.")})
        for layer in range(1, 5)
    )
    for depth, architecture in ARCHITECTURES.items():
        if (architecture.bottleneck, architecture.blocks) == (bottleneck, blocks):
            return depth
    return None
