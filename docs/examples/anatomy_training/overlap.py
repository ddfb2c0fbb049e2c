"""Accuracy of the embedded network: overlap and volumes on heads with known tissue."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from anatomy_training.held_out import CONTRASTS, VIEWS, shoot_held_out
from anatomy_training.images import Camera
from longibench.metrics.anatomy import TISSUES, read, tissue_volumes
from longibench.metrics.anatomy_network import AnatomyNetwork

COLUMNS = ["head", "contrast", "spacing_mm", "tissue", "dice", "true_ml", "found_ml"]


def dice(found: NDArray[np.int_], true: NDArray[np.int_], label: int) -> float:
    """Overlap of one label (Dice 1945): twice the common voxels over all voxels of both."""
    a, b = found == label, true == label
    return float(2 * (a & b).sum() / max(1, a.sum() + b.sum()))


def segment_held_out(network: AnatomyNetwork, camera: Camera, heads: int) -> pd.DataFrame:
    """Segment heads of the held-out family in every held-out contrast and resolution.

    Returns:
        One row per head, contrast, spacing and tissue: overlap of the most probable labels, and
        volumes in ml from shares.
    """
    rows: list[tuple[object, ...]] = []
    for number in range(1, heads + 1):
        for contrast in CONTRASTS:
            for spacing in VIEWS:
                rows += _rows(network, camera, number, contrast, spacing)
    return pd.DataFrame(rows, columns=COLUMNS)


def _rows(
    network: AnatomyNetwork, camera: Camera, number: int, contrast: str, spacing: float
) -> list[tuple[object, ...]]:
    shot, _ = shoot_held_out(camera, number, contrast, spacing)
    side = (spacing, spacing, spacing)
    found = read(network, shot.image[0].numpy(), side).probabilities
    true = shot.tissue.numpy()
    volumes = [tissue_volumes(shares, side) for shares in (true, found)]
    labels = found.argmax(axis=0), true.argmax(axis=0)
    return [
        (number, contrast, spacing, name, dice(*labels, label), volumes[0][name], volumes[1][name])
        for label, name in enumerate(TISSUES)
        if label
    ]


def summarise(rows: pd.DataFrame) -> pd.DataFrame:
    """By spacing, contrast and tissue: mean and worst overlap, mean and worst volume error, %."""
    error = 100 * (rows["found_ml"] / rows["true_ml"] - 1)
    rows = rows.assign(error=error, absolute=error.abs())
    groups = rows.groupby(["spacing_mm", "contrast", "tissue"], sort=False)
    return groups.agg(
        dice=("dice", "mean"),
        worst_dice=("dice", "min"),
        bias=("error", "mean"),
        worst_error=("absolute", "max"),
    ).reset_index()
