"""The versions of the embedded network; the newest one also before its release."""

import hashlib
from pathlib import Path

from longibench.metrics.anatomy import NEWEST, RELEASES, Network, load_embedded, with_weights
from longibench.metrics.detectable import DIGITS


def load_versions(newest: Path | None) -> dict[int, Network]:
    """Every version, the newest first, with the weights of a file if one is given."""
    versions = {number: load_embedded(number) for number in sorted(RELEASES, reverse=True)}
    return {**versions, NEWEST: with_weights(NEWEST, newest.read_bytes())} if newest else versions


def digests(newest: Path | None) -> dict[int, str]:
    """The first digits of the weights' SHA256, by version."""
    files = {number: release.path for number, release in RELEASES.items()}
    files |= {NEWEST: newest or RELEASES[NEWEST].path}
    return {
        number: hashlib.sha256(path.read_bytes()).hexdigest()[:DIGITS]
        for number, path in files.items()
    }
