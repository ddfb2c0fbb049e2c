"""Weights of the feature extractor: what they are called and where they come from."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from metrics.checkpoints import WeightsError, checksum, load, told_depth
from metrics.medicalnet import MedicalNet, with_random_weights

RANDOM_DEPTH = 10

# SHA256 of the files in huggingface.co/TencentMedicalNet/MedicalNet-Resnet{depth}, MIT licence.
CHECKSUMS = {
    "resnet_10.pth": "2824951eaef30e115929b89bec72342380b08d14792bda1449974ac849e497c0",
    "resnet_10_23dataset.pth": "afa8055f3e47f4a18239495d92a7abc587902c69c31c743de2b2784653b72605",
    "resnet_18.pth": "38b3a17444c5c18a795355a868e6a2d9ce9318054067f5373d337f55c0f61da3",
    "resnet_18_23dataset.pth": "61224f9317fcce873366deb3703183e92cc47325b726b69691b33536244e10f4",
    "resnet_34.pth": "977a1be79298602fa35980de9c03789229ad36087fb1f4d9bde468aec653c658",
    "resnet_34_23dataset.pth": "3ea7188e396774e4ef95b66e5e90a78273bb33f6e58d3d717bf24f5f1aaeaa28",
    "resnet_50.pth": "5b6189cafbee2f5604a7279b62bc163365aa6a86a377e1dc260a14275cacbd84",
    "resnet_50_23dataset.pth": "ff48a62219073fb977fd3f4ddfb8dc1367f0ec156c8d6f6c37e205bd683a246e",
    "resnet_101.pth": "a26bbcf9b2ad35f048b0fa317234c003f171a4d719760e5c4aff9f793654ebcf",
    "resnet_152.pth": "e96c459f5317ef2cbb898c91575402da2c78b31a31f55c5d28943683fe0626da",
    "resnet_200.pth": "df58525b0276117169782617a379480d2cbc75230e84e152c603bf22a1fabfa8",
}


class Weights(Protocol):
    """Weights by name; nothing is read or downloaded before it is needed."""

    @property
    def title(self) -> str:
        """Network and origin, for the metric's name."""

    def network(self) -> MedicalNet:
        """Build the network with these weights, in evaluation mode."""


def parse(weights: str) -> Weights:
    """Understand the name of weights.

    Args:
        weights: One of

            - ``random:SEED``: ResNet-10 with weights drawn from the seed; needs no file.
            - ``medicalnet:DEPTH``: trained on 8 datasets, ``medicalnet:DEPTH+23``: on 23;
              downloaded once, checksum verified.
            - ``medicalnet:DEPTH@PATH``, ``medicalnet:DEPTH+23@PATH``: a local copy of that file,
              for machines without internet.
            - ``file:PATH``: any file in the same format; its depth is told from its entries.

    Raises:
        WeightsError: None of these, or a file that was never released.
    """
    if match := re.fullmatch(r"random:(\d+)", weights):
        return RandomWeights(int(match[1]))
    if match := re.fullmatch(r"medicalnet:(\d+)(\+23)?(?:@(.+))?", weights):
        return ReleasedWeights(int(match[1]), bool(match[2]), Path(match[3]) if match[3] else None)
    if match := re.fullmatch(r"file:(.+)", weights):
        return FileWeights(Path(match[1]))
    raise WeightsError(
        f"weights '{weights}' are not understood; write random:SEED, medicalnet:DEPTH, "
        "medicalnet:DEPTH+23, medicalnet:DEPTH@PATH or file:PATH"
    )


@dataclass(frozen=True)
class RandomWeights:
    """Weights drawn from a seed."""

    seed: int

    @property
    def title(self) -> str:
        """Network and seed."""
        return f"MedicalNet ResNet-{RANDOM_DEPTH}, random:{self.seed}"

    def network(self) -> MedicalNet:
        """Draw the weights."""
        return with_random_weights(RANDOM_DEPTH, self.seed)


@dataclass(frozen=True)
class ReleasedWeights:
    """One of the files that MedicalNet's authors released.

    Attributes:
        depth: Depth of the network.
        more_datasets: Trained on 23 datasets and not on 8.
        path: A local copy; None to download.
    """

    depth: int
    more_datasets: bool
    path: Path | None

    def __post_init__(self) -> None:
        if self.file_name not in CHECKSUMS:
            raise WeightsError(
                f"MedicalNet has no released file {self.file_name}; "
                f"available: {', '.join(CHECKSUMS)}"
            )

    @property
    def file_name(self) -> str:
        """Name of the released file."""
        return f"resnet_{self.depth}{'_23dataset' if self.more_datasets else ''}.pth"

    @property
    def title(self) -> str:
        """Network and training data."""
        return f"MedicalNet ResNet-{self.depth}, {23 if self.more_datasets else 8} datasets"

    def network(self) -> MedicalNet:
        """Find or download the file, verify it, load it.

        Raises:
            WeightsError: No network, no file, or not the released bytes.
        """
        path = self.path or self._download()
        found, expected = checksum(path), CHECKSUMS[self.file_name]
        if found != expected:
            raise WeightsError(
                f"{path}: wrong checksum, not the released {self.file_name} (SHA256 {found}, "
                f"expected {expected}). Delete it and fetch it again; weights of your own are "
                "named file:PATH."
            )
        return load(path, self.depth)

    def _download(self) -> Path:
        from huggingface_hub import hf_hub_download

        repository = f"TencentMedicalNet/MedicalNet-Resnet{self.depth}"
        try:
            return Path(hf_hub_download(repository, self.file_name))
        except Exception as error:  # which class a failed download has changes between versions
            plus = "+23" if self.more_datasets else ""
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise WeightsError(
                f"cannot download {self.file_name} from huggingface.co/{repository}: {reason} "
                "Connect to the internet; or fetch the file elsewhere and name it "
                f"medicalnet:{self.depth}{plus}@PATH; or take random:0, which needs no file."
            ) from error


@dataclass(frozen=True)
class FileWeights:
    """A file in MedicalNet's format."""

    path: Path

    @property
    def title(self) -> str:
        """Network and the beginning of the file's SHA256: the path would not identify it."""
        return f"MedicalNet ResNet-{told_depth(self.path)}, file {checksum(self.path)[:8]}"

    def network(self) -> MedicalNet:
        """Load the file.

        Raises:
            WeightsError: No file, or not weights of a known depth.
        """
        return load(self.path, told_depth(self.path))
