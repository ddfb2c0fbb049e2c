"""Every kind of damage is named, does not stop other scans, and is never silently used."""

import gzip
import os
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from longibench.benchmark.cohorts.visit_table import LEFT_OUT, Cohort, visit_table
from longibench.benchmark.core.console import Console
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.grid import Grid
from longibench.benchmark.preparation.prepare import prepare_cohort
from longibench.benchmark.preparation.reading import nifti
from longibench.benchmark.preparation.reading.problems import DamagedScanError
from longibench.benchmark.preparation.reading.raw_scan import read_scan
from longibench.benchmark.preparation.store.file_digests import Digests

GRID = Grid(shape=(16, 20, 16), spacing_mm=10.0)
AFFINE = np.diag([10.0, 10.0, 10.0, 1.0])
SHAPE = (18, 22, 18)


def brain(seed: int = 0) -> np.ndarray:
    axes = np.meshgrid(*[(np.arange(n) - (n - 1) / 2) * 10 for n in SHAPE], indexing="ij")
    radius = sum((axis / half) ** 2 for axis, half in zip(axes, (55, 70, 60), strict=True))
    noise = np.random.default_rng(seed).uniform(200, 900, SHAPE)
    return np.where(radius < 1, noise, 0).astype(np.float32)


def image(data: np.ndarray, affine: np.ndarray = AFFINE) -> nib.Nifti1Image:
    made = nib.Nifti1Image(data, affine, dtype=data.dtype)
    made.set_qform(affine, code=1)
    made.set_sform(affine, code=1)
    return made


def save(path: Path, data: np.ndarray, affine: np.ndarray = AFFINE) -> None:
    nib.save(image(data, affine), path)


def patched(at: int, values: np.ndarray) -> Callable[[Path], None]:
    """Write a scan with some bytes of its header replaced."""

    def damage(path: Path) -> None:
        content = bytearray(image(brain(7)).to_bytes())
        content[at : at + values.nbytes] = values.tobytes()
        path.write_bytes(gzip.compress(bytes(content)))

    return damage


def packed(change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(change(gzip.compress(image(brain(7)).to_bytes()))) and None


def longer(extra: int) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        content = image(brain(7)).to_bytes()
        path.write_bytes(gzip.compress(content + bytes(extra) if extra > 0 else content[:extra]))

    return damage


def colours(path: Path) -> None:
    kind = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])
    save(path, np.zeros(SHAPE, kind))


def link_to_nowhere(path: Path) -> None:
    path.symlink_to(path.with_name("gone.nii.gz"))


def folder(path: Path) -> None:
    path.mkdir()
    (path / "a.txt").write_text("a")


def checksum(content: bytes) -> bytes:
    return content[:-8] + bytes([content[-8] ^ 255]) + content[-7:]


SHEARED = AFFINE + np.array([[0, 6, 0, 0], [0, 0, 6, 0], [0, 0, 0, 0], [0, 0, 0, 0]])
NOISE = np.random.default_rng(0).normal(100, 10, SHAPE).astype(np.float32)

DAMAGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "truncated gzip": (packed(lambda content: content[:-400]), "cannot be read"),
    "text": (lambda path: path.write_text("subject,age\n") and None, "not compressed by gzip"),
    "packed text": (
        lambda path: path.write_bytes(gzip.compress(b"x" * 900)) and None,
        "NIfTI header",
    ),
    "zero bytes": (Path.touch, "the file is empty"),
    "NaN": (lambda path: save(path, np.where(brain() > 800, np.nan, brain())), "not finite"),
    "infinite": (lambda path: save(path, np.where(brain() > 800, np.inf, brain())), "not finite"),
    "negative voxel size": (patched(80, np.array([-10.0], "f4")), "must be positive"),
    "sform against qform": (patched(292, np.array([90.0], "f4")), "sform and qform"),
    "no orientation": (patched(252, np.zeros(2, "i2")), "no orientation in its header"),
    "2D": (lambda path: save(path, brain()[:, :, 9]), "not 3D"),
    "4D": (lambda path: save(path, np.stack([brain(1), brain(2)], -1)), "not 3D"),
    "RGB": (colours, "colours"),
    "complex": (lambda path: save(path, brain().astype(np.complex64)), "complex"),
    "constant": (lambda path: save(path, np.full(SHAPE, 3, np.float32)), "constant"),
    "int64": (lambda path: save(path, brain().astype(np.int64)), "int64"),
    "huge": (patched(42, np.array([20000, 20000, 20000], "i2")), "announces"),
    "longer": (longer(12), "longer"),
    "shorter": (longer(-12), "cut off"),
    "link to nowhere": (link_to_nowhere, "gone.nii.gz, which does not exist"),
    "folder": (folder, "folder"),
    "wrong checksum": (packed(checksum), "CRC"),
    "noise alone": (lambda path: save(path, NOISE), "no head in it"),
    "few slices": (lambda path: save(path, brain()[:, :, 8:11]), "each side needs"),
    "micrometres": (lambda path: save(path, brain(), np.diag([0.01, 0.01, 0.01, 1])), "0.01 x"),
    "centimetres": (lambda path: save(path, brain(), np.diag([50.0, 50, 50, 1])), "50 x"),
    "all zero affine": (patched(280, np.zeros(12, "f4")), "sform and qform"),
    "sheared": (patched(280, SHEARED[:3].astype("f4")), "sform and qform"),
    "sheared, alone": (lambda path: nib.save(nib.Nifti1Image(brain(), SHEARED), path), "sheared"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_named_and_other_scans_are_prepared(name: str, tmp_path: Path) -> None:
    rows = []
    for year in range(3):
        path = tmp_path / f"v{year}.nii.gz"
        rows.append({"subject": "s", "visit": f"v{year}", "years": year, "path": str(path)})
        if year != 1:
            save(path, brain(year))
    damage, reason = DAMAGES[name]
    damage(tmp_path / "v1.nii.gz")
    empty = pd.DataFrame(columns=list(LEFT_OUT))
    found = Cohort(
        "test",
        visit_table(pd.DataFrame(rows), "test"),
        True,
        empty,
        frozenset({"bias", "brain", "registration"}),
    )
    prepared = prepare_cohort(found, GRID, tmp_path / "out", Console(quiet=True))
    assert prepared.table["visit"].tolist() == ["v0", "v2"]
    case = prepared.left_out.iloc[0]
    assert reason in f"{case['reason']}: {case['detail']}"
    assert str(tmp_path / "v1.nii.gz") in case["detail"]
    assert len(case["reason"]) < 50
    with pytest.raises(UserError, match=r"visit v1.*--strict"):
        prepare_cohort(found, GRID, tmp_path / "strict", Console(quiet=True), strict=True)


def test_gzip_with_a_plain_name_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.nii").write_bytes(gzip.compress(image(brain()).to_bytes()))
    with pytest.raises(DamagedScanError, match="compressed by gzip"):
        read_scan(tmp_path / "a.nii")


def test_a_read_error_in_the_middle_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path / "a.nii.gz", brain())

    class Failing(gzip.GzipFile):
        def read(self, size: int | None = -1) -> bytes:
            if size is not None and size > 1000:
                raise OSError(5, "Input/output error")
            return super().read(size)

    monkeypatch.setattr(nifti.gzip, "open", Failing)
    with pytest.raises(DamagedScanError, match="cannot be read at the moment: Input/output error"):
        read_scan(tmp_path / "a.nii.gz")


def test_a_huge_header_allocates_nothing(tmp_path: Path) -> None:
    import tracemalloc

    DAMAGES["huge"][0](tmp_path / "a.nii.gz")
    tracemalloc.start()
    with pytest.raises(DamagedScanError):
        read_scan(tmp_path / "a.nii.gz")
    assert tracemalloc.get_traced_memory()[1] < 10e6
    tracemalloc.stop()


def test_missing_axes_can_be_set(tmp_path: Path) -> None:
    data = np.random.default_rng(0).uniform(0, 900, (24, 30, 26)).astype(np.float32)
    image = nib.AnalyzeImage(data, None)
    image.header.set_zooms((8, 8, 9))
    nib.save(image, tmp_path / "a.img")
    with pytest.raises(DamagedScanError, match=r"preparation\.axes"):
        read_scan(tmp_path / "a.img")
    scan = read_scan(tmp_path / "a.img", axes="ASL")
    assert scan.data.shape == (26, 24, 30)  # right, front, up
    assert np.allclose(scan.voxel_mm, (9, 8, 8))
    assert np.array_equal(scan.data, data.transpose(2, 0, 1)[::-1])


def test_the_digest_of_a_pair_of_files_is_of_both(tmp_path: Path) -> None:
    image = nib.AnalyzeImage(brain(), None)
    nib.save(image, tmp_path / "a.img")
    before = Digests(tmp_path / "known.json").of(tmp_path / "a.img")
    image.header.set_zooms((2, 2, 2))
    nib.save(image, tmp_path / "a.img")
    assert Digests(tmp_path / "known.json").of(tmp_path / "a.img") != before


def cohort_with(folder: Path, *names: str) -> Cohort:
    """Two undamaged visits, and one more for each name; resampling is the only step."""
    paths = [folder / "v0.nii.gz", folder / "v1.nii.gz", *[folder / name for name in names]]
    for year in range(2):
        save(paths[year], brain(year))
    rows = [
        {"subject": "s", "visit": f"v{year}", "years": year, "path": str(path)}
        for year, path in enumerate(paths)
    ]
    done = frozenset(("bias", "brain", "registration"))
    empty = pd.DataFrame(columns=list(LEFT_OUT))
    return Cohort("test", visit_table(pd.DataFrame(rows), "test"), True, empty, done)


def test_a_renamed_file_is_tried_again(tmp_path: Path) -> None:
    found = cohort_with(tmp_path, "g.nii")
    (tmp_path / "g.nii").write_bytes(gzip.compress(image(brain(5)).to_bytes()))
    first = prepare_cohort(found, GRID, tmp_path / "out", Console(quiet=True))
    assert "should end in .gz" in first.left_out["detail"].item()
    (tmp_path / "g.nii").rename(tmp_path / "g.nii.gz")
    fixed = cohort_with(tmp_path, "g.nii.gz")
    again = prepare_cohort(fixed, GRID, tmp_path / "out", Console(quiet=True))
    assert again.left_out.empty
    assert len(again.table) == 3


@pytest.mark.parametrize("content", [b"", b"<html>please log in</html>" * 20])
def test_equal_damaged_files_are_not_duplicates(tmp_path: Path, content: bytes) -> None:
    found = cohort_with(tmp_path, "g.nii", "h.nii")
    for name in ("g.nii", "h.nii"):
        (tmp_path / name).write_bytes(content)
    prepared = prepare_cohort(found, GRID, tmp_path / "out", Console(quiet=True))
    assert len(prepared.table) == 2
    assert len(prepared.left_out) == 2


def test_a_header_that_breaks_its_reader_is_damage(tmp_path: Path) -> None:
    made = image(brain())
    for offset, value in ((116, np.float32("nan")), (70, np.int16(9999)), (108, np.float32(348))):
        data = bytearray(made.to_bytes())
        data[offset : offset + value.nbytes] = value.tobytes()
        (tmp_path / "a.nii").write_bytes(data)
        with pytest.raises(DamagedScanError):
            read_scan(tmp_path / "a.nii")


def test_a_replaced_slice_changes_the_digest(tmp_path: Path) -> None:
    (tmp_path / "series").mkdir()
    for number in range(3):
        (tmp_path / "series" / f"{number}.dcm").write_bytes(bytes([number] * 10))
    digests = Digests(tmp_path / "known.json")
    before = digests.of(tmp_path / "series")
    old = tmp_path / "series" / "1.dcm"
    old.write_bytes(bytes([9] * 10))
    os.utime(old, ns=(1, 1))  # like a copy that keeps times
    assert digests.of(tmp_path / "series") != before
