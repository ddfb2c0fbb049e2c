"""Three planes of a volume as one strip, and the edges of another volume to lay over them."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from longibench.benchmark.core.files import atomic_file
from longibench.benchmark.preparation.steps.intensity import BACKGROUND
from longibench.metrics.metric import Volume

Pixels = NDArray[np.uint8]
Strip = NDArray[np.float32]

EDGE_COLOUR = (255, 96, 48)
TISSUE = 0.6  # of the median brightness inside: darker is fluid, brighter is tissue
FINER = 2  # pixels per voxel along each axis, so that edges are thin lines
LINE = 2  # width of edges in pixels


def strip(volume: Volume) -> Strip:
    """Axial, coronal and sagittal plane through the centre, side by side with equal heights.

    Args:
        volume: (X, Y, Z), axes to the right, to the front and up.

    Returns:
        Rows from top to bottom; the left of an axial or coronal plane is the person's left, and a
        sagittal plane looks to the left (towards lower Y).
    """
    x, y, z = (side // 2 for side in volume.shape)
    planes = [volume[:, :, z].T[::-1], volume[:, y, :].T[::-1], volume[x, :, :].T[::-1]]
    tallest = max(plane.shape[0] for plane in planes)
    return np.concatenate([_padded(plane, tallest) for plane in planes], axis=1)


def grey(volume: Volume) -> Pixels:
    """The strip as grey pixels, (rows, columns), background black."""
    fine = ndimage.zoom(strip(volume), FINER, order=1)
    return ((fine - BACKGROUND) * 127.5).clip(0, 255).astype(np.uint8)


def edges(volume: Volume) -> Pixels:
    """The borders between tissue and fluid or background, as a transparent image.

    Args:
        volume: In [-1, 1], background -1.

    Returns:
        (rows, columns, 4): coloured at borders, transparent elsewhere.
    """
    bright = ndimage.gaussian_filter(volume, 0.7) - BACKGROUND
    inside = volume > BACKGROUND
    level = TISSUE * float(np.median(bright[inside])) if inside.any() else 1.0
    fine = ndimage.zoom(strip(bright.astype(np.float32) + BACKGROUND), FINER, order=1)
    tissue = np.asarray(fine - BACKGROUND > level)
    border = tissue & ~ndimage.binary_erosion(tissue, iterations=LINE)
    pixels = np.zeros((*border.shape, 4), np.uint8)
    pixels[border] = (*EDGE_COLOUR, 255)
    return pixels


def save(pixels: Pixels, path: Path) -> None:
    """Write pixels as PNG, grey or coloured."""
    from PIL import Image

    with atomic_file(path) as temporary:
        Image.fromarray(pixels).save(temporary)


def _padded(plane: Strip, height: int) -> Strip:
    missing = height - plane.shape[0]
    rows = (missing // 2, missing - missing // 2)
    return np.pad(plane, (rows, (0, 0)), constant_values=BACKGROUND)
