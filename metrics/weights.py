"""Weights of the feature extractor: their names and where they are loaded from."""

import re
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Protocol

from longibench.metrics.medicalnet import ARCHITECTURES, MedicalNet, with_random_weights
from longibench.metrics.released import TRUNKS, ReleasedWeights, network_definition
from longibench.metrics.weight_files import WeightsError, checksum, load, read_depth

EMBEDDED = "embedded"  # what comes with the project; see docs/anatomy.md
RANDOM_DEPTH = 10
MOST_SEED = 2**63 - 1  # of torch's generators
FORMS = (
    "embedded, embedded:1, embedded-random:SEED, random:SEED, medicalnet:DEPTH, "
    "medicalnet:DEPTH+23, medicalnet:DEPTH@PATH, monai-strided:DEPTH (with +23 and @PATH "
    "likewise) or file:PATH"
)


class Weights(Protocol):
    """Weights of a MedicalNet by name; nothing is read or downloaded before it is needed."""

    @property
    def title(self) -> str:
        """Network and origin, for the metric's name."""

    @property
    def definition(self) -> dict[str, Any]:
        """Network and weights, as JSON values: equal ones give equal features."""

    def network(self) -> MedicalNet:
        """Build the network with these weights, in evaluation mode."""


def parse(weights: str) -> "Weights | EmbeddedWeights":
    """Parse the name of weights.

    Args:
        weights: One of

            - ``embedded``: the network that comes with the project and segments brains, its newest
              version; ``embedded:1``: an older one; ``embedded-random:SEED`` and
              ``embedded:1-random:SEED``: the same networks before training.
            - ``random:SEED``: MedicalNet's ResNet-10 with random weights from the seed.
            - ``medicalnet:DEPTH``: trained on 8 datasets, ``medicalnet:DEPTH+23``: on 23;
              downloaded once, checksum verified.
            - ``medicalnet:DEPTH@PATH``, ``medicalnet:DEPTH+23@PATH``: a local copy of that file,
              for machines without internet.
            - ``monai-strided:`` and the same: those weights in MONAI's trunk of stride 32, whose
              features are different.
            - ``file:PATH``: any file in the same format; its depth is determined from its entries.

    Raises:
        WeightsError: None of these, or a file that was never released.
    """
    if match := re.fullmatch(r"embedded(?::(\d{1,3}))?(?:-random:(\d+))?", weights):
        return EmbeddedWeights(_version(match[1]), _seed(match[2]) if match[2] else None)
    if match := re.fullmatch(r"random:(\d+)", weights):
        return RandomWeights(_seed(match[1]))
    if match := re.fullmatch(r"(medicalnet|monai-strided):(\d{1,3})(\+23)?(?:@(.+))?", weights):
        path = Path(match[4]) if match[4] else None
        return ReleasedWeights(int(match[2]), bool(match[3]), path, match[1])
    if match := re.fullmatch(r"file:(.+)", weights):
        return FileWeights(Path(match[1]))
    raise WeightsError(f"weights '{weights}' cannot be parsed; {_nearest(weights)}use {FORMS}")


def parse_segmentation(weights: str) -> "EmbeddedWeights":
    """Parse the name of the weights that segment, ``embedded`` or an older one, ``embedded:1``.

    Raises:
        WeightsError: None of these.
    """
    match = re.fullmatch(rf"{EMBEDDED}(?::(\d{{1,3}}))?", weights)
    if not match:
        raise WeightsError(f"'{weights}' does not segment brains; use {EMBEDDED} or {EMBEDDED}:1")
    return EmbeddedWeights(_version(match[1]))


def _seed(digits: str) -> int:
    if len(digits) > len(str(MOST_SEED)) or int(digits) > MOST_SEED:
        raise WeightsError(f"a seed is at most {MOST_SEED} (got {digits[:40]})")
    return int(digits)


def _version(digits: str | None) -> int | None:
    """Number of a version of the embedded network; None, the newest, without digits."""
    if digits is None:
        return None
    from longibench.metrics.anatomy import RELEASES

    if int(digits) not in RELEASES:
        versions = ", ".join(f"{EMBEDDED}:{version}" for version in RELEASES)
        raise WeightsError(f"there is no {EMBEDDED}:{digits}; there are {versions}")
    return int(digits)


def _nearest(weights: str) -> str:
    released = [f"{trunk}:{depth}" for trunk in TRUNKS for depth in ARCHITECTURES]
    known = [EMBEDDED, f"{EMBEDDED}-random:0", "random:0", *released]
    near = get_close_matches(weights, known, n=1)
    return f"did you mean {near[0]}? Else " if near else ""


@dataclass(frozen=True)
class EmbeddedWeights:
    """The anatomy network of ``metrics.anatomy``, trained or as it was before training.

    Attributes:
        number: Of the version; None for the newest.
        seed: Seed of random weights; None for the trained ones.
    """

    number: int | None = None
    seed: int | None = None

    @property
    def version(self) -> int:
        """Number of the version."""
        from longibench.metrics.anatomy import NEWEST

        return self.number or NEWEST

    @property
    def segmentation_title(self) -> str:
        """What it is called as a segmentation."""
        return f"embedded segmentation v{self.version}"

    @property
    def title(self) -> str:
        """Network, version and seed, and the length of its features."""
        from longibench.metrics.anatomy import RELEASES

        origin = "" if self.seed is None else f" random:{self.seed}"
        features = RELEASES[self.version].features
        return f"embedded anatomy v{self.version}{origin}, d={features}"

    @property
    def definition(self) -> dict[str, Any]:
        """Network and weights."""
        from longibench.metrics.anatomy import RELEASES

        release = RELEASES[self.version]
        weights = release.sha256 if self.seed is None else f"random:{self.seed}"
        return {"network": release.name, "weights": weights, **release.fixed}


@dataclass(frozen=True)
class RandomWeights:
    """Random weights from a seed."""

    seed: int

    @property
    def definition(self) -> dict[str, Any]:
        """Network and seed."""
        return network_definition(RANDOM_DEPTH, f"random:{self.seed}")

    @property
    def title(self) -> str:
        """Network and seed."""
        return f"MedicalNet ResNet-{RANDOM_DEPTH}, random:{self.seed}"

    def network(self) -> MedicalNet:
        """Initialise the weights."""
        return with_random_weights(RANDOM_DEPTH, self.seed)


@dataclass(frozen=True)
class FileWeights:
    """A file in MedicalNet's format."""

    path: Path

    @property
    def definition(self) -> dict[str, Any]:
        """Network and the file's SHA256, because the path does not identify it."""
        return network_definition(read_depth(self.path), checksum(self.path))

    @property
    def title(self) -> str:
        """Network and the file's name; the definition identifies its content."""
        return f"MedicalNet ResNet-{read_depth(self.path)}, file {self.path.name}"

    def network(self) -> MedicalNet:
        """Load the file.

        Raises:
            WeightsError: No file, or not weights of a known depth.
        """
        return load(self.path, read_depth(self.path))
