"""The weights released by MedicalNet's authors: find or download, verify, load."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from longibench.metrics.medicalnet import DILATED, STRIDED, MedicalNet
from longibench.metrics.weight_files import WeightsError, checksum, load

TRUNKS = {"medicalnet": ("MedicalNet", DILATED), "monai-strided": ("MONAI-strided", STRIDED)}

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


def network_definition(depth: int, weights: str, network: str = "MedicalNet") -> dict[str, Any]:
    """A ResNet by depth and weights, the latter by their SHA256 or their seed."""
    return {"network": network, "depth": depth, "weights": weights}


@dataclass(frozen=True)
class ReleasedWeights:
    """One of the files that MedicalNet's authors released.

    Attributes:
        depth: Depth of the network.
        more_datasets: Trained on 23 datasets instead of 8.
        path: A local copy; None to download.
        trunk: A key of ``TRUNKS``: the network that the weights are loaded into.
    """

    depth: int
    more_datasets: bool
    path: Path | None
    trunk: str = "medicalnet"

    def __post_init__(self) -> None:
        if self.file_name not in CHECKSUMS:
            released = ", ".join(f"{self.trunk}:{_named(file)}" for file in CHECKSUMS)
            raise WeightsError(
                f"MedicalNet has no released file {self.file_name}; available: {released}"
            )

    @property
    def file_name(self) -> str:
        """Name of the released file."""
        return f"resnet_{self.depth}{'_23dataset' if self.more_datasets else ''}.pth"

    @property
    def title(self) -> str:
        """Network and training data."""
        network, _ = TRUNKS[self.trunk]
        return f"{network} ResNet-{self.depth}, {23 if self.more_datasets else 8} datasets"

    @property
    def definition(self) -> dict[str, Any]:
        """Network and the released file's SHA256, independent of the path of a copy."""
        network, _ = TRUNKS[self.trunk]
        return network_definition(self.depth, CHECKSUMS[self.file_name], network)

    def network(self) -> MedicalNet:
        """Find or download the file, verify it, load it.

        Raises:
            WeightsError: No network connection, no file, or not the released bytes.
        """
        path = self.path or self._download()
        found, expected = checksum(path), CHECKSUMS[self.file_name]
        if found != expected:
            raise WeightsError(
                f"{path}: wrong checksum, not the released {self.file_name} (SHA256 {found}, "
                f"expected {expected}). Delete it and download it again; use "
                "file:PATH for your own weights."
            )
        _, trunk = TRUNKS[self.trunk]
        return load(path, self.depth, trunk)

    def _download(self) -> Path:
        from huggingface_hub import hf_hub_download

        repository = f"TencentMedicalNet/MedicalNet-Resnet{self.depth}"
        try:
            return Path(hf_hub_download(repository, self.file_name))
        except Exception as error:  # the class of a failed download differs between versions
            plus = "+23" if self.more_datasets else ""
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise WeightsError(
                f"cannot download {self.file_name} from huggingface.co/{repository}: {reason} "
                "Connect to the internet; or download the file elsewhere and use "
                f"{self.trunk}:{self.depth}{plus}@PATH; or use embedded, which needs no download."
            ) from error


def _named(file_name: str) -> str:
    """``50+23`` for ``resnet_50_23dataset.pth``."""
    return file_name.removeprefix("resnet_").removesuffix(".pth").replace("_23dataset", "+23")
