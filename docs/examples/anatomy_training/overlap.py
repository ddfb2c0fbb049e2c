"""Accuracy of the embedded network: overlap with known tissue."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from longibench.metrics.anatomy import Shares
from longibench.metrics.anatomy_network import TISSUES

# What is compared in both versions: grey matter includes the hippocampi.
COMMON = ("background", "csf", "grey", "white", "ventricles")
BRAIN = ("grey", "white")
SMALL = "hippocampus"


def dice(found: NDArray[np.bool_], true: NDArray[np.bool_]) -> float:
    """Overlap of two masks (Dice 1945): twice the common voxels over all voxels of both."""
    return float(2 * (found & true).sum() / max(1, found.sum() + true.sum()))


def overlaps(found: Shares, tissues: Sequence[str], true: Shares) -> dict[str, float]:
    """Overlap of the most probable tissues, and of the brain, grey and white matter together.

    Args:
        found: Shares of ``tissues``, (T, X, Y, Z).
        tissues: With or without the hippocampi.
        true: Shares of ``TISSUES``, (6, X, Y, Z).
    """
    labels = [_common(found, tissues).argmax(axis=0), _common(true, TISSUES).argmax(axis=0)]
    masks = {name: [each == n for each in labels] for n, name in enumerate(COMMON) if n}
    masks["brain"] = [np.isin(each, [COMMON.index(name) for name in BRAIN]) for each in labels]
    if SMALL in tissues:
        of_both = ((found, tissues), (true, TISSUES))
        masks[SMALL] = [shares.argmax(axis=0) == names.index(SMALL) for shares, names in of_both]
    return {name: dice(*pair) for name, pair in masks.items()}


def _common(shares: Shares, tissues: Sequence[str]) -> Shares:
    """Shares of ``COMMON``, (5, X, Y, Z)."""
    common = np.stack([shares[tissues.index(name)] for name in COMMON])
    if SMALL in tissues:
        common[COMMON.index("grey")] += shares[tissues.index(SMALL)]
    return common
