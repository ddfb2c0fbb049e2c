"""Measures formats and bit depths for docs/store.md: time, disk, memory, error.

Needs the project with its test extra, and ``pip install zarr blosc2``:
``python docs/examples/measure_store.py [volumes]``. Every format is read in a separate process.
"""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

SHAPE = (128, 160, 128)
SPACING_MM = 1.5
ROUNDS = 3
DEPTHS = ("float32", "float16", "int16", "uint8")
SCALES = {"int16": (32767, 0), "uint8": (127.5, 127.5)}  # factor and offset of whole numbers

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Format:
    """Writes one encoded array to one file or folder, and reads it."""

    write: Callable[[Path, Array], None]
    read: Callable[[Path], Array]


def encode(volume: Array, depth: str) -> Array:
    """A volume in [-1, 1] as an array of another type."""
    if depth not in SCALES:
        return volume.astype(depth)
    factor, offset = SCALES[depth]
    return np.rint(volume * factor + offset).astype(depth)


def decode(array: Array) -> Array:
    """The inverse, as float32 in the memory order of a tensor."""
    if array.dtype.name not in SCALES:
        return np.array(array, dtype=np.float32, order="C")
    factor, offset = SCALES[array.dtype.name]
    values = np.empty(array.shape, np.float32)
    np.multiply(array, np.float32(1 / factor), out=values)
    return values - np.float32(offset / factor) if offset else values


def write_npy(path: Path, array: Array) -> None:
    """A raw array."""
    with path.open("wb") as file:
        np.save(file, array)


def read_npy(path: Path) -> Array:
    """Map it into memory."""
    return np.asarray(np.load(path, mmap_mode="r"))


def nifti_format(reverse: bool) -> Format:
    """A single-file NIfTI with a scale factor; its first axis runs fastest.

    Args:
        reverse: Whether the file's axes are the volume's in reverse, so that it need not be
            transposed.
    """

    def write(path: Path, array: Array) -> None:
        import nibabel as nib

        image = nib.Nifti1Image(array.T if reverse else array, np.eye(4))
        if array.dtype.name in SCALES:
            image.header.set_slope_inter(1 / SCALES[array.dtype.name][0], 0)
        nib.save(image, f"{path}.nii")
        Path(f"{path}.nii").rename(path)

    def read(path: Path) -> Array:
        bits = (path.stat().st_size - 352) * 8 // np.prod(SHAPE)
        voxels = np.empty(SHAPE if reverse else SHAPE[::-1], {32: "f4", 16: "i2", 8: "u1"}[bits])
        with path.open("rb", buffering=0) as file:
            file.seek(352)
            file.readinto(voxels.data.cast("B"))
        return voxels if reverse else voxels.T

    return Format(write, read)


def zarr_format(compressor: str) -> Format:
    """Zarr 3, the volume as one chunk."""

    def write(path: Path, array: Array) -> None:
        import zarr

        codec = zarr.codecs.BloscCodec(cname=compressor, clevel=5, shuffle="bitshuffle")
        made = zarr.create_array(
            path, shape=SHAPE, chunks=SHAPE, dtype=array.dtype, compressors=codec
        )
        made[:] = array

    def read(path: Path) -> Array:
        import zarr

        return np.asarray(zarr.open_array(path, mode="r")[:])

    return Format(write, read)


def blosc_format(compressor: str) -> Format:
    """Blosc2's n-dimensional file (b2nd), with its default blocks."""

    def write(path: Path, array: Array) -> None:
        import blosc2

        params = {
            "codec": blosc2.Codec[compressor.upper()],
            "clevel": 5,
            "filters": [blosc2.Filter.BITSHUFFLE],
        }
        blosc2.asarray(np.ascontiguousarray(array), urlpath=str(path), cparams=params, mode="w")

    def read(path: Path) -> Array:
        import blosc2

        return np.asarray(blosc2.open(str(path), mode="r")[:])

    return Format(write, read)


FORMATS = {
    "NIfTI, axes RAS": nifti_format(reverse=False),
    "NIfTI, axes SAR": nifti_format(reverse=True),
    ".npy, memory-mapped": Format(write_npy, read_npy),
    "zarr 3, lz4": zarr_format("lz4"),
    "zarr 3, zstd": zarr_format("zstd"),
    "blosc2, lz4": blosc_format("lz4"),
    "blosc2, zstd": blosc_format("zstd"),
}


def _field(rng: np.random.Generator) -> Array:
    """A smooth random displacement, in mm."""
    from scipy import ndimage

    corners = rng.normal(0, 2, (5, 6, 5))
    return ndimage.zoom(corners, np.array(SHAPE) / corners.shape, order=1)


def brain(seed: int) -> Array:
    """The MNI152 template at 1.5 mm, warped and with noise; around it exactly -1."""
    from nilearn.datasets import load_mni152_template
    from scipy import ndimage

    template = np.asarray(load_mni152_template(resolution=1).dataobj, np.float32)
    rng = np.random.default_rng(seed)
    warp = [_field(rng) for _ in SHAPE]
    places = [
        (axis - want / 2) * SPACING_MM + have / 2 + move
        for axis, want, have, move in zip(
            np.indices(SHAPE), SHAPE, template.shape, warp, strict=True
        )
    ]
    image = ndimage.map_coordinates(template, places, order=1)
    mask = image > 0.1 * image.max()
    noisy = image / np.quantile(image[mask], 0.995) + rng.normal(0, 0.02, SHAPE)
    return np.where(mask, np.clip(noisy, 0, 1) * 2 - 1, -1).astype(np.float32)


def forget(path: Path) -> None:
    """Ask the system to drop a file or folder from its page cache."""
    for file in [path] if path.is_file() else [f for f in path.rglob("*") if f.is_file()]:
        with file.open("rb") as opened:
            os.fsync(opened.fileno())
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def disk_mb(path: Path) -> float:
    """Size of a file or folder."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files) / 1e6


def measure(form: str, paths: list[Path], cold: bool) -> tuple[float, float]:
    """Milliseconds per volume (median, in random order), and growth of the process, in MB."""
    import psutil
    import torch

    read = FORMATS[form].read
    torch.from_numpy(decode(read(paths[0])))  # imports, and one volume's worth of memory
    before = psutil.Process().memory_info().rss
    times = []
    for number in np.random.default_rng(0).permutation(len(paths) * ROUNDS):
        path = paths[number % len(paths)]
        if cold:
            forget(path)
        began = time.perf_counter()
        torch.from_numpy(decode(read(path)))
        times.append(time.perf_counter() - began)
    grown = psutil.Process().memory_info().rss - before
    return statistics.median(times) * 1e3, grown / 1e6


def alone(*work: Any) -> tuple[float, float]:
    """``measure`` in a fresh process."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(measure, *work).result()


def errors(volumes: list[Array], depth: str) -> tuple[float, float]:
    """Largest and root mean square error of a bit depth inside the brain."""
    inside = np.concatenate([(decode(encode(v, depth)).astype(float) - v)[v > -1] for v in volumes])
    return float(np.abs(inside).max()), float(np.sqrt(np.mean(inside**2)))


def main() -> None:
    """Print the two tables."""
    volumes = [brain(seed) for seed in range(int(sys.argv[1]) if len(sys.argv) > 1 else 12)]
    print(f"background: {np.mean([(v == -1).mean() for v in volumes]):.0%} of the voxels\n")
    table = pd.DataFrame({d: errors(volumes, d) for d in DEPTHS}, index=["largest", "RMS"])
    print(table.map("{:.1e}".format).to_string(), "\n")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, form in FORMATS.items():
            for depth in DEPTHS:
                if name.startswith("NIfTI") and depth == "float16":
                    continue  # NIfTI has no such type
                paths = [Path(folder) / f"{len(rows)}-{number}" for number in range(len(volumes))]
                for path, volume in zip(paths, volumes, strict=True):
                    form.write(path, encode(volume, depth))
                (warm, grown), (cold, _) = (alone(name, paths, c) for c in (False, True))
                size = statistics.mean(map(disk_mb, paths))
                rows.append((name, depth, warm, cold, size, grown))
    columns = ["format", "type", "warm ms", "cold ms", "disk MB", "RSS MB"]
    print(pd.DataFrame(rows, columns=columns).round(1).to_string(index=False))


if __name__ == "__main__":
    main()
