from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from longibench.benchmark.cohorts.visit_table import LEFT_OUT, Cohort, visit_table
from longibench.benchmark.core.console import Console
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.grid import Grid
from longibench.benchmark.preparation import prepare as prepare_module
from longibench.benchmark.preparation.prepare import (
    Prepared,
    Traits,
    compare_traits,
    prepare_cohort,
)
from longibench.benchmark.preparation.steps.chain import Result
from longibench.benchmark.preparation.steps.chain import prepare_subject as prepare_each
from longibench.benchmark.preparation.steps.plan import Plan
from longibench.benchmark.preparation.store.volumes import load_nifti, read_volume
from longibench.benchmark.settings.preparation import PreparationSettings, Step

GRID = Grid(shape=(16, 20, 16), spacing_mm=10.0)
AFFINE = np.diag([10.0, 10.0, 10.0, 1.0])


def brain(
    shape: tuple[int, int, int] = (18, 22, 18), seed: int = 0, voxel: float = 10
) -> np.ndarray:
    """An ellipsoid of noise on a background of exact zeros."""
    axes = np.meshgrid(*[(np.arange(n) - (n - 1) / 2) * voxel for n in shape], indexing="ij")
    radius = sum((axis / half) ** 2 for axis, half in zip(axes, (55, 70, 60), strict=True))
    noise = np.random.default_rng(seed).uniform(200, 900, shape)
    return np.where(radius < 1, noise, 0).astype(np.float32)


def save(path: Path, data: np.ndarray, affine: np.ndarray = AFFINE) -> Path:
    nib.save(nib.Nifti1Image(data, affine), path)
    return path


def cohort(*subjects: list[Path]) -> Cohort:
    rows = [
        {"subject": f"s{number}", "visit": f"v{year}", "years": year, "path": str(path)}
        for number, paths in enumerate(subjects)
        for year, path in enumerate(paths)
    ]
    empty = pd.DataFrame(columns=list(LEFT_OUT))
    done = frozenset[Step](("bias", "brain", "registration"))
    return Cohort("test", visit_table(pd.DataFrame(rows), "test"), True, empty, done)


def prepare_subject(paths: list[Path], grid: Grid) -> list[Result]:
    return [result for _, result in prepare_each(paths, grid, Plan())]


def prepare(found: Cohort, folder: Path) -> Prepared:
    return prepare_cohort(found, GRID, folder, Console(quiet=True))


@pytest.fixture
def pairs(tmp_path: Path) -> list[list[Path]]:
    """Two subjects with two scans each."""
    return [
        [save(tmp_path / f"{s}{v}.nii.gz", brain(seed=2 * s + v)) for v in range(2)]
        for s in range(2)
    ]


def test_same_spacing_is_moved_by_whole_voxels(tmp_path: Path) -> None:
    data = np.pad(brain(), ((6, 0), (0, 3), (0, 0)))
    scan = nib.load(save(tmp_path / "a.nii", data))
    result = prepare_subject([tmp_path / "a.nii"], GRID)[0]
    start = np.linalg.inv(scan.affine) @ result.affine[:, 3]
    assert np.allclose(start, start.round())
    x, y, z = start[:3].round().astype(int)
    window = data[max(x, 0) : x + 16, max(y, 0) : y + 20, max(z, 0) : z + 16]
    assert window.shape == GRID.shape
    assert np.array_equal(result.volume == -1, window == 0)
    inside = (window > 0) & (result.volume < 1)
    assert np.ptp(np.polyfit(window[inside], result.volume[inside], 1, full=True)[1]) < 1e-6
    assert result.volume.dtype == np.float32


def test_a_volume_is_aligned_with_the_scan_in_world_space(tmp_path: Path) -> None:
    turned = np.array([[0, -4.0, 0, 90], [-4.0, 0, 0, 80], [0, 0, 5.0, -100], [0, 0, 0, 1.0]])
    data = np.zeros((40, 40, 40), np.float32)
    data[8:32, 10:28, 10:30] = 500
    save(tmp_path / "a.nii", data, turned)
    result = prepare_subject([tmp_path / "a.nii"], GRID)[0]
    assert nib.aff2axcodes(result.affine) == ("R", "A", "S")
    found = nib.affines.apply_affine(turned, np.argwhere(data > 0)).mean(axis=0)
    made = nib.affines.apply_affine(result.affine, np.argwhere(result.volume > 0)).mean(axis=0)
    assert np.abs(found - made).max() < 5
    assert (
        np.abs(
            nib.affines.apply_affine(result.affine, (np.array(GRID.shape) - 1) / 2) - found
        ).max()
        < 6
    )


def test_visits_in_one_space_share_the_field_of_view(tmp_path: Path) -> None:
    first, second = brain(), np.roll(brain(), 1, axis=0)
    save(tmp_path / "a.nii", first)
    save(tmp_path / "b.nii", second)
    moved = AFFINE.copy()
    moved[0, 3] = 70
    save(tmp_path / "c.nii", first, moved)
    a, b, c = prepare_subject([tmp_path / f"{name}.nii" for name in "abc"], GRID)
    assert np.array_equal(a.affine, b.affine)
    assert np.array_equal(np.roll(a.volume, 1, axis=0) == -1, b.volume == -1)
    assert (b.same_space, c.same_space) == (True, False)
    assert np.array_equal(a.volume, c.volume)
    assert c.affine[0, 3] - a.affine[0, 3] == pytest.approx(70)


def test_source_does_not_depend_on_follow_ups(tmp_path: Path) -> None:
    paths = [save(tmp_path / f"{i}.nii", brain(seed=i) * (1 + i)) for i in range(2)]
    alone, together = prepare_subject(paths[:1], GRID)[0], prepare_subject(paths, GRID)[0]
    assert np.array_equal(alone.volume, together.volume)


def test_gain_does_not_matter_and_outliers_matter_little(tmp_path: Path) -> None:
    data = brain()
    bright = data * 7
    bright[9, 11, 9] = 1e6
    results = prepare_subject(
        [save(tmp_path / "a.nii", data), save(tmp_path / "b.nii", bright)], GRID
    )
    assert np.quantile(np.abs(results[0].volume - results[1].volume), 0.99) < 0.02


def test_a_second_call_reads_no_image(
    pairs: list[list[Path]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = prepare(cohort(*pairs), tmp_path / "out")
    monkeypatch.setattr(prepare_module, "run_task", None)
    second = prepare(cohort(*pairs), tmp_path / "out")
    pd.testing.assert_frame_equal(first.table, second.table)
    assert first.traits == second.traits
    assert first.traits.skull_stripped
    assert first.traits.same_space
    volume = load_nifti(first.table["volume"].iloc[0])
    assert volume.shape == GRID.shape
    assert first.table["content"].nunique() == 4


def test_a_changed_scan_is_prepared_again(pairs: list[list[Path]], tmp_path: Path) -> None:
    before = prepare(cohort(*pairs), tmp_path / "out").table
    save(pairs[0][1], brain(seed=99))
    after = prepare(cohort(*pairs), tmp_path / "out").table
    assert (before["volume"] != after["volume"]).tolist() == [False, True, False, False]


def test_other_steps_are_other_volumes_in_the_same_place(
    pairs: list[list[Path]], tmp_path: Path
) -> None:
    """After a change of a setting, its volumes are used, and those of the other are kept."""
    found, console = cohort(*pairs), Console(quiet=True)
    wide = PreparationSettings(percentiles=(0, 100))
    first = prepare(found, tmp_path / "out").table["volume"]
    bytes_before = [Path(path).read_bytes() for path in first]
    second = prepare_cohort(found, GRID, tmp_path / "out", console, wide).table["volume"]
    alone = prepare_cohort(found, GRID, tmp_path / "alone", console, wide).table["volume"]
    for one, two, by_itself in zip(first, second, alone, strict=True):
        assert Path(two).read_bytes() == Path(by_itself).read_bytes()
        assert not np.array_equal(read_volume(one), read_volume(two))
    assert [Path(path).read_bytes() for path in first] == bytes_before
    assert prepare(found, tmp_path / "out").table["volume"].tolist() == first.tolist()


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:2000])


DAMAGES = {
    "cannot be read": cut_off,
    "not finite": lambda path: save(path, np.where(brain() > 800, np.nan, brain())),
    "one volume is needed": lambda path: save(path, np.stack([brain(), brain()], axis=-1)),
    "constant": lambda path: save(path, np.full((18, 22, 18), 3, np.float32)),
    "each side needs": lambda path: save(path, brain((18, 22, 3))),
    "no such folder or file": lambda path: path.unlink(),
}


@pytest.mark.parametrize("reason", DAMAGES)
def test_a_damaged_follow_up_is_named_and_left_out(
    pairs: list[list[Path]], tmp_path: Path, reason: str
) -> None:
    pairs[0].append(save(tmp_path / "third.nii.gz", brain(seed=7)))
    DAMAGES[reason](pairs[0][1])
    for _ in range(2):  # the second time from the cache
        prepared = prepare(cohort(*pairs), tmp_path / "out")
        assert prepared.table["visit"].tolist() == ["v0", "v2", "v0", "v1"]
        message = prepared.left_out[["reason", "detail"]].agg(": ".join, axis=1).item()
        assert reason in message
        assert str(pairs[0][1]) in message


def test_with_a_damaged_first_scan_the_subject_is_left_out(
    pairs: list[list[Path]], tmp_path: Path
) -> None:
    pairs[0].append(save(tmp_path / "third.nii.gz", brain(seed=7)))
    cut_off(pairs[0][0])
    prepared = prepare(cohort(*pairs), tmp_path / "out")
    assert set(prepared.table["subject"]) == {"s1"}
    assert len(prepared.left_out) == 3


def test_no_usable_scan_or_a_duplicate_is_refused(pairs: list[list[Path]], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is listed twice"):
        prepare(cohort([pairs[0][0], save(tmp_path / "x.nii.gz", brain(seed=0))]), tmp_path / "out")
    for path in (pairs[0][0], pairs[1][1]):
        cut_off(path)
    with pytest.raises(UserError, match="no subject has two usable scans"):
        prepare(cohort(*pairs), tmp_path / "out")


def test_an_affine_of_zeros_is_damage(tmp_path: Path) -> None:
    image = nib.Nifti1Image(brain(), AFFINE)
    image.header["sform_code"], image.header["srow_x"] = 1, 0
    data = bytearray(image.to_bytes())
    data[280:328] = bytes(48)
    (tmp_path / "a.nii").write_bytes(bytes(data))
    assert "affine" in str(prepare_subject([tmp_path / "a.nii"], GRID)[0])


def test_a_whole_head_is_not_treated_as_a_brain(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    air = np.abs(rng.normal(0, 8, (44, 44, 44)))
    head = brain((44, 44, 44), voxel=5) > 0
    data = np.where(head, 400 + air, air).astype(np.float32)
    result = prepare_subject([save(tmp_path / "a.nii", data, np.diag([5, 5, 5, 1]))], GRID)[0]
    assert not result.skull_stripped
    assert result.head_litres == pytest.approx(4 / 3 * np.pi * 0.55 * 0.7 * 0.6, rel=0.1)
    assert (result.volume[[0, -1]] == -1).mean() > 0.9


def test_warnings_name_the_differences_of_cohorts() -> None:
    phantom = Traits(True, True, (5.0, 5.0, 5.0), 1.4)
    clinic = Traits(False, False, (0.8, 0.8, 3.0), 2.7)
    assert compare_traits(phantom, phantom) == []
    alone = compare_traits(clinic, clinic)
    assert len(alone) == 1
    assert "do not share a space" in alone[0]
    assert len(compare_traits(phantom, clinic)) == 3
