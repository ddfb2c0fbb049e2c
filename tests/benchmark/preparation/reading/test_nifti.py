"""One reader of NIfTI: what is read and what is refused is the same wherever a volume is opened."""

import gzip
import struct
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from longibench.benchmark.core.errors import UserError
from longibench.benchmark.preparation.labels import open_labels
from longibench.benchmark.preparation.reading.nifti import MOST_VOXELS, check_room, read_nifti
from longibench.benchmark.preparation.reading.problems import DamagedScanError
from longibench.benchmark.preparation.reading.raw_scan import read_scan
from longibench.benchmark.preparation.space import Fit, Misfit, Space, check_generated, read_fitting
from longibench.benchmark.preparation.store.volumes import read_volume
from longibench.reports.figures.view import load

SHAPE = (10, 12, 9)
AFFINE = np.array([[10.0, 0, 0, -45], [0, 10, 0, -55], [0, 0, 10, -40], [0, 0, 0, 1]])
SPACE = Space(SHAPE, AFFINE)
VALUES = np.random.default_rng(0).integers(0, 3, SHAPE).astype(np.float32) - 1
NAMED = (DamagedScanError, Misfit, UserError)


def made(
    sform: int = 1, qform: int = 1, kind: type = nib.Nifti1Image, values: np.ndarray = VALUES
) -> bytearray:
    image = kind(values, AFFINE)
    image.set_sform(AFFINE, sform)
    image.set_qform(AFFINE, qform)
    return bytearray(image.to_bytes())


def patched(at: int, form: str, *values: float, content: bytearray | None = None) -> bytearray:
    """A file with some bytes of its header replaced."""
    content = made() if content is None else content
    content[at : at + struct.calcsize(form)] = struct.pack(form, *values)
    return content


def everywhere() -> dict[str, Callable[[Path], np.ndarray]]:
    """The ways to open a volume, each to its values (X, Y, Z)."""
    return {
        "prepare": lambda path: read_scan(path).data,
        "evaluate": lambda path: read_fitting(path, SPACE, Fit()),
        "labels": lambda path: np.asarray(open_labels(path).dataobj),
        "figures": lambda path: load(path)[0],
        "store": read_volume,
    }


def swapped() -> bytearray:
    image = nib.Nifti1Image(VALUES, AFFINE, nib.Nifti1Header(endianness=">"))
    return bytearray(image.to_bytes())


READ = {
    "NIfTI-2": made(kind=nib.Nifti2Image),
    "X,Y,Z,1": made(values=VALUES[..., None]),
    "X,Y,Z,1,1": made(values=VALUES[..., None, None]),
    "big-endian": swapped(),
    **{
        f"qfac {qfac}, sform {sform}, qform {qform}": patched(
            76, "<f", qfac, content=made(sform, qform)
        )
        for qfac in (0, 2, 0.5)
        for sform, qform in ((1, 1), (1, 0), (0, 1))
    },
}


@pytest.mark.parametrize("way", everywhere())
@pytest.mark.parametrize("name", READ)
def test_is_read_everywhere(tmp_path: Path, name: str, way: str) -> None:
    (tmp_path / "a.nii").write_bytes(READ[name])
    np.testing.assert_array_equal(everywhere()[way](tmp_path / "a.nii"), VALUES)


def whole_bytes(offset: float) -> bytearray:
    """A uint8 volume in [-1, 1] with another ``vox_offset``."""
    content = made(values=(VALUES + 1).astype(np.uint8))
    return patched(108, "<3f", offset, 1, -1, content=content)


REFUSED = {
    "the intercept of its values": patched(112, "<2f", 1, float("nan")),
    "vox_offset is 348": patched(108, "<f", 348),
    "vox_offset is 0": whole_bytes(0),
    "vox_offset is nan": patched(108, "<f", float("nan")),
    "data type 9999": patched(70, "<h", 9999),
    "colours": patched(70, "<h", 128),
    r"voxel sizes nan x 10 x 10": patched(80, "<f", float("nan")),
    "its affine is not invertible": patched(280, "<f", float("inf"), content=made(qform=0)),
    "its qform is invalid": patched(256, "<f", 2.0),
    r"its shape is \(10, 12, 9, 2\)": made(values=np.stack([VALUES, VALUES], -1)),
    r"its shape is \(10, 12\)": made(values=VALUES[..., 0]),
    "announces 30000 x 30000 x 30000 voxels": patched(42, "<3h", 30000, 30000, 30000)[:352],
    "it is cut off": made()[:-1],
    "it is longer": made() + b"0",
    "its line ends": patched(8, "<B", 0, content=made(kind=nib.Nifti2Image)),
    "does not begin with a NIfTI header": made()[4:],
}


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
@pytest.mark.parametrize("way", everywhere())
@pytest.mark.parametrize("message", REFUSED)
def test_is_refused_everywhere(tmp_path: Path, message: str, way: str, ending: str) -> None:
    path = tmp_path / f"a{ending}"
    content = bytes(REFUSED[message])
    path.write_bytes(gzip.compress(content) if ending == ".nii.gz" else content)
    with pytest.raises(NAMED, match=message):
        everywhere()[way](path)


def test_a_header_is_checked_before_the_voxels_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.nii").write_bytes(REFUSED["announces 30000 x 30000 x 30000 voxels"])
    with pytest.raises(UserError, match=r"a\.nii: cannot be read: .* announces 30000"):
        check_generated(tmp_path / "a.nii", SPACE, Fit())


def peak(path: Path, way: Callable[[Path], object]) -> int:
    tracemalloc.start()
    try:
        with pytest.raises(NAMED):
            way(path)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("way", everywhere())
def test_no_more_is_decompressed_than_the_header_announces(tmp_path: Path, way: str) -> None:
    """The stream has 64 MB, the header announces 5 kB."""
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(bytes(made()) + bytes(2**26), 1))
    assert peak(tmp_path / "a.nii.gz", everywhere()[way]) < 2e6


@pytest.mark.parametrize("way", everywhere())
def test_nothing_is_allocated_for_voxels_that_a_file_cannot_have(tmp_path: Path, way: str) -> None:
    """256 MB are few enough for a volume, but too many for a file of 5 kB."""
    content = bytes(patched(42, "<3h", 400, 400, 400))
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(content))
    assert peak(tmp_path / "a.nii.gz", everywhere()[way]) < 2e6


def test_the_bound_is_of_voxels_and_of_what_a_file_can_hold() -> None:
    check_room((1024, 1024, 512), MOST_VOXELS, 2**20, packed=True)
    with pytest.raises(DamagedScanError, match="the most of a volume"):
        check_room((1024, 1024, 513), 8 * MOST_VOXELS, 2**40, packed=True)
    with pytest.raises(DamagedScanError, match="cut off"):
        check_room((1024, 1024, 512), MOST_VOXELS, 2**18, packed=True)


def test_other_formats_allocate_no_more_than_their_file_can_have(tmp_path: Path) -> None:
    path = tmp_path / "a.mgz"
    nib.save(nib.MGHImage(VALUES, AFFINE), path)
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[4:16] = struct.pack(">3i", 800, 800, 800)
    path.write_bytes(gzip.compress(bytes(content)))
    assert peak(path, read_scan) < 2e6


@pytest.mark.parametrize("kind", [np.int16, np.uint8, np.float32, np.float64, np.int64])
@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_values_are_those_of_nibabel_bit_by_bit(tmp_path: Path, kind: type, ending: str) -> None:
    path = tmp_path / f"a{ending}"
    image = nib.Nifti1Image((VALUES * 100).astype(kind), AFFINE, dtype=kind)
    image.header.set_slope_inter(1 / 32767, 0.1)
    nib.save(image, path)
    expected = np.asarray(nib.load(path).dataobj, np.float32)
    assert np.array_equal(load(path)[0], expected)
    assert np.array_equal(read_nifti(path).affine, nib.load(path).affine)


def test_labels_of_64_bits_are_read_and_scans_are_not(tmp_path: Path) -> None:
    image = nib.Nifti1Image(VALUES.astype(np.int64), AFFINE, dtype=np.int64)
    nib.save(image, tmp_path / "a.nii")
    np.testing.assert_array_equal(open_labels(tmp_path / "a.nii").dataobj, VALUES)
    with pytest.raises(DamagedScanError, match="int64: no scanner writes it"):
        read_scan(tmp_path / "a.nii")


@pytest.mark.parametrize("value", [0.5, np.nan, 3e9])
def test_labels_are_whole_numbers_of_32_bits(tmp_path: Path, value: float) -> None:
    nib.save(nib.Nifti1Image(np.where(VALUES > 0, value, 0), AFFINE), tmp_path / "a.nii")
    with pytest.raises(UserError, match="one whole number a voxel"):
        open_labels(tmp_path / "a.nii")


@given(
    kind=st.sampled_from([nib.Nifti1Image, nib.Nifti2Image]),
    packed=st.booleans(),
    flips=st.lists(st.tuples(st.integers(0, 543), st.integers(1, 255)), min_size=1, max_size=6),
)
@settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_header_gives_values_or_the_named_error(
    tmp_path: Path, kind: type, packed: bool, flips: list[tuple[int, int]]
) -> None:
    content = made(kind=kind)
    for place, bits in flips:
        content[place] ^= bits
    path = tmp_path / ("a.nii.gz" if packed else "a.nii")
    path.write_bytes(gzip.compress(bytes(content), 1) if packed else content)
    tracemalloc.start()
    for way in everywhere().values():
        with suppress(*NAMED):
            assert way(path).ndim == 3
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 3e7


def test_a_pointer_is_named_with_its_remedy(tmp_path: Path) -> None:
    path = tmp_path / "a.nii.gz"
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    with pytest.raises(DamagedScanError, match=r"a pointer of Git LFS .*git lfs pull"):
        read_nifti(path)
