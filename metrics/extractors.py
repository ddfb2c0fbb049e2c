"""Feature extractors: from a volume to the features that set metrics compare."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from longibench.metrics.conventions import Convention, find_convention
from longibench.metrics.medicalnet import MedicalNet
from longibench.metrics.scan import Scan
from longibench.metrics.weight_files import WeightsError
from longibench.metrics.weights import EmbeddedWeights, Weights, parse

if TYPE_CHECKING:
    from longibench.metrics.anatomy import Reading

ON_GPU = threading.Lock()

Features = NDArray[np.float64]
Map = NDArray[np.float32]


class Extractor(Protocol):
    """Turns a volume into features, one volume at a time.

    A batch of one makes the features of a volume independent of other volumes and their order.
    """

    def pooled(self, scan: Scan) -> Features:
        """Features (d,) in float64 of one volume."""

    def maps(self, scan: Scan) -> tuple[Map, ...]:
        """Maps (C, x, y, z) of its stages, from fine to coarse."""


class MedicalNetExtractor:
    """Features of a 3D ResNet: its last layer after global average pooling."""

    def __init__(self, network: MedicalNet, device: torch.device, convention: Convention) -> None:
        """Args: a network in evaluation mode, its device, and the input convention."""
        self._network = network.to(device)
        self._device = device
        self._convention = convention
        self._alone = _alone(device)

    def pooled(self, scan: Scan) -> Features:
        """Features (d,) in float64 of one volume."""
        features: Features = self._run(self._network, scan)[0].double().cpu().numpy()
        return features

    def maps(self, scan: Scan) -> tuple[Map, ...]:
        """Outputs of the four layers, (C, x, y, z)."""
        return tuple(stage[0].cpu().numpy() for stage in self._run(self._network.stages, scan))

    @torch.inference_mode()
    def _run(self, function: Callable[[torch.Tensor], Any], scan: Scan) -> Any:
        batch = torch.tensor(self._convention.present(scan), device=self._device)[None, None]
        # cuDNN would round to TF32's 10 bits in convolutions: values would depend on the device.
        flags = torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False)
        with self._alone, flags:
            return function(batch)


class AnatomyExtractor:
    """Features of the anatomy network: averages of the maps that its segmentation uses."""

    def __init__(self, weights: EmbeddedWeights, device: torch.device) -> None:
        """Args: trained or random weights, and the device."""
        from longibench.metrics.anatomy import load_embedded, random_twin

        version, seed = weights.version, weights.seed
        network = load_embedded(version) if seed is None else random_twin(seed, version)
        self._network = network.to(device)
        self._alone = _alone(device)
        self._name = ("anatomy", version, seed)

    def reading(self, scan: Scan) -> "Reading":
        """Features and tissue of a scan, from one forward pass for all callers."""
        from longibench.metrics.anatomy import read

        def of_scan(scan: Scan) -> "Reading":
            return read(self._network, scan.voxels, scan.spacing_mm, self._alone)

        with self._alone:
            return scan.derive(self._name, of_scan)

    def pooled(self, scan: Scan) -> Features:
        """Features (d,) in float64 of one volume."""
        return np.asarray(self.reading(scan).pooled, np.float64)

    def maps(self, scan: Scan) -> tuple[Map, ...]:
        """Maps (C, x, y, z) of its stages."""
        return tuple(self.reading(scan).maps)


def extractor_title(weights: str, convention: str) -> str:
    """Name of an extractor, without loading it; the convention is included unless it is as-is.

    Raises:
        WeightsError: Weights or convention cannot be parsed or combined, or a file does not exist.
    """
    parsed, presented = _understood(weights, convention)
    plain = presented.name == "as-is"
    return parsed.title if plain else f"{parsed.title}, input {presented.name}"


def extractor_definition(weights: str, convention: str) -> dict[str, Any]:
    """What an extractor's features depend on in addition to its code, as JSON values.

    Raises:
        WeightsError: As ``extractor_title``.
    """
    parsed, presented = _understood(weights, convention)
    return {**parsed.definition, "input": presented.name}


def extractor(weights: str, convention: str, device: torch.device) -> Extractor:
    """Build an extractor.

    Args:
        weights: A name that ``metrics.weights.parse`` accepts, such as ``"random:0"``.
        convention: A name in ``metrics.conventions.CONVENTIONS``.
        device: Its device.

    Raises:
        WeightsError: Weights or convention cannot be parsed or combined, or the weights cannot be
            obtained or verified.
    """
    parsed, presented = _understood(weights, convention)
    if isinstance(parsed, EmbeddedWeights):
        return AnatomyExtractor(parsed, device)
    return MedicalNetExtractor(parsed.network(), device, presented)


def _understood(weights: str, convention: str) -> tuple[Weights | EmbeddedWeights, Convention]:
    presented, parsed = find_convention(convention), parse(weights)
    if isinstance(parsed, EmbeddedWeights) and presented.name != "as-is":
        raise WeightsError(
            f"the {weights} extractor accepts only volumes in [-1, 1]; the input convention "
            f"{presented.name} is for medicalnet, monai-strided, random and file weights"
        )
    return parsed, presented


def _alone(device: torch.device) -> AbstractContextManager[Any]:
    """Lets one thread at a time use a GPU: cuDNN's flags apply to all extractors of a process."""
    return nullcontext() if device.type == "cpu" else ON_GPU
