"""Label maps of the user, resampled onto the grid like their scans."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage

from longibench.benchmark.core.checked_files import checked_file, is_intact
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.files import digest, file_digest
from longibench.benchmark.preparation.prepared import Prepared
from longibench.benchmark.preparation.reading.problems import DamagedScanError
from longibench.benchmark.preparation.space import Space
from longibench.benchmark.preparation.store.volumes import load_nifti

OUTSIDE = 0  # FreeSurfer's and SynthSeg's background


def prepare_labels(prepared: Prepared, folder: Path) -> Prepared:
    """Resample each scan's label map onto the grid with the scan's transform, nearest neighbour.

    Args:
        prepared: The prepared cohort; its table may have the column ``labels``.
        folder: Folder of the maps, by content.

    Returns:
        The same cohort, with the column ``volume_labels`` if there are label maps.

    Raises:
        UserError: A label map cannot be read or has values that are not whole numbers, or writing
            failed.
    """
    if "labels" not in prepared.table:
        return prepared
    table = prepared.table.copy()
    table["volume_labels"] = [
        _prepared(Path(labels), volume, prepared.transforms[volume], folder)
        if isinstance(labels, str)
        else None
        for labels, volume in zip(table["labels"], table["volume"], strict=True)
    ]
    return replace(prepared, table=table)


def _prepared(labels: Path, volume: str, transform: NDArray[np.float64], folder: Path) -> str:
    image = open_labels(labels)
    grid = Space.read(volume)
    name = digest([file_digest(labels), Path(volume).name, np.asarray(transform).tolist()])
    path = folder / f"{name}_dseg.nii.gz"
    if not is_intact(path):
        values = carry_labels(image, grid, transform)
        with checked_file(path) as temporary:
            nib.save(nib.Nifti1Image(values, grid.affine), temporary)
    return str(path)


def carry_labels(image: Any, grid: Space, transform: NDArray[np.float64]) -> NDArray[np.int32]:
    """Sample a label map at a grid's voxels.

    Args:
        image: The label map, in the world coordinates of its scan.
        grid: Where the voxels are.
        transform: The grid's world mm to the scan's world mm, (4, 4).

    Returns:
        Labels (X, Y, Z) on the grid.
    """
    matrix = np.linalg.inv(image.affine) @ transform @ grid.affine
    values = ndimage.affine_transform(
        np.asarray(image.dataobj),
        matrix[:3, :3],
        matrix[:3, 3],
        output_shape=grid.shape,
        order=0,
        cval=OUTSIDE,
    )
    return np.rint(values).astype(np.int32)


def open_labels(path: Path) -> Any:
    """Read a label map, its axes nearest to right, anterior, superior.

    Raises:
        UserError: It cannot be read, or has values that are not whole numbers of 32 bits.
    """
    try:
        image = load_nifti(path)
        values = np.asarray(image.dataobj)
    except DamagedScanError as error:
        raise UserError(f"{path}: the label map cannot be read: {error.detail}") from error
    largest = np.iinfo(np.int32).max
    if not (np.abs(values) <= largest).all() or (values != np.rint(values)).any():
        raise UserError(f"{path}: a label map needs one whole number a voxel, of at most {largest}")
    return image


def label_contents(pairs: pd.DataFrame) -> list[str]:
    """Names, by content, of the label maps of pairs."""
    columns = [name for name in ("source_labels", "target_labels") if name in pairs]
    return [Path(str(path)).name for name in columns for path in pairs[name]]
