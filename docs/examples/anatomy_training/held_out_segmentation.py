"""What versions of the embedded segmentation find in held-out heads and contrasts."""

from collections.abc import Iterator, Mapping

import pandas as pd

from anatomy_training.held_out import CONTRASTS, held_out_maps, shoot_held_out
from anatomy_training.images import Camera, Values
from anatomy_training.overlap import overlaps
from longibench.metrics.anatomy import Network, read, tissue_volumes

Row = dict[str, object]


def head_rows(
    networks: Mapping[int, Network], camera: Camera, number: int, spacing_mm: float
) -> Iterator[Row]:
    """A row for each contrast, version and tissue of one head: Dice, true and found ml."""
    maps = held_out_maps(camera, number, spacing_mm)
    for contrast in CONTRASTS:
        image, tissue = shoot_held_out(maps, number, contrast)
        for version, network in networks.items():
            names = {"contrast": contrast, "version": version}
            for row in _image_rows(network, image, tissue, spacing_mm):
                yield {"head": number, "spacing_mm": spacing_mm, **names, **row}


def _image_rows(
    network: Network, image: Values, tissue: Values, spacing_mm: float
) -> Iterator[Row]:
    side = (spacing_mm, spacing_mm, spacing_mm)
    reading, true = read(network, image, side), tissue_volumes(tissue, side)
    for name, agreement in overlaps(reading.probabilities, reading.tissues, tissue).items():
        found = reading.volumes[name]
        yield {"structure": name, "dice": agreement, "true": true[name], "found": found}


def held_out_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean and worst Dice, mean and largest error of the volume in %, by all but the head.

    Args:
        rows: Of ``head_rows``, and the ``template`` that the heads are deformed from.
    """
    error = 100 * (rows["found"] / rows["true"] - 1)
    keys = ["spacing_mm", "template", "contrast", "version", "structure"]
    groups = rows.assign(error=error, absolute=error.abs()).groupby(keys, sort=False)
    return groups.agg(
        heads=("head", "nunique"),
        dice=("dice", "mean"),
        worst=("dice", "min"),
        error=("error", "mean"),
        largest_error=("absolute", "max"),
    ).reset_index()
