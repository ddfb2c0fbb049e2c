"""NIfTI files whose bytes depend only on their content."""

import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from longibench.benchmark.cohorts.phantom.lattice import Lattice

COMPRESSION = 1  # higher levels cost time and save little


def centred(lattice: Lattice) -> NDArray[np.float64]:
    """Affine of a RAS image with the lattice's centre at the world's origin, (4, 4)."""
    affine = np.diag([lattice.spacing] * 3 + [1.0])
    affine[:3, 3] = lattice.first
    return affine


def write_nifti(
    path: Path, values: NDArray, affine: NDArray[np.float64], slope: float = 1.0
) -> None:
    """Write a NIfTI without a time stamp; five dimensions are a field of vectors."""
    image = nib.Nifti1Image(values, affine)
    image.header.set_xyzt_units("mm", "sec")
    image.set_qform(affine, code=1)
    image.set_sform(affine, code=1)
    if values.ndim == 5:
        image.header.set_intent("vector")
    data = bytearray(image.to_bytes())
    if slope != 1.0:
        data[112:116] = np.float32(slope).tobytes()  # scl_slope; nibabel would rescale the data
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(bytes(data), COMPRESSION, mtime=0))
