"""The whole chain on small skull-stripped brains."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from nibabel.affines import apply_affine
from scipy import ndimage
from scipy.spatial.transform import Rotation

from longibench.benchmark.cohorts.visit_table import LEFT_OUT, Cohort, visit_table
from longibench.benchmark.core.console import Console
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.files import file_digest
from longibench.benchmark.core.grid import Grid
from longibench.benchmark.preparation.prepare import Prepared, prepare_cohort
from longibench.benchmark.preparation.steps import chain, registration
from longibench.benchmark.preparation.steps.mni import load_template, mni_affine
from longibench.benchmark.preparation.store.volumes import read_volume
from longibench.benchmark.settings.preparation import PreparationSettings

GRID = Grid(shape=(40, 48, 40), spacing_mm=4.0)
PLAIN = PreparationSettings(brain="background", bias="none", registration="none", workers=1)
SETTINGS = PreparationSettings(bias="none", workers=1)


@cache
def smooth_template() -> np.ndarray:
    return ndimage.gaussian_filter(load_template().data, 1.6)


def write_visit(path: Path, number: int) -> np.ndarray:
    """The template's brain moved by a known transform, which is returned: head to scan."""
    template = load_template()
    rng = np.random.default_rng(number)
    pose = np.eye(4)
    if number:
        angles = rng.uniform(-8, 8, 3)
        pose[:3, :3] = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
        pose[:3, 3] = rng.uniform(-10, 10, 3)
    shape, affine = (56, 60, 54), np.diag([4.0, 4.0, 4.0, 1.0])
    affine[:3, 3] = (-110.0, -135.0, -100.0)
    matrix = np.linalg.inv(template.affine) @ np.linalg.inv(pose) @ affine
    data = ndimage.affine_transform(
        smooth_template(), matrix[:3, :3], matrix[:3, 3], shape, order=1
    )
    noisy = np.where(data > 0.1, (1 + number / 5) * 700 * data + rng.normal(0, 5, shape), 0)
    nib.save(nib.Nifti1Image(noisy.clip(0).astype(np.int16), affine), path)
    return pose


def cohort(folder: Path, *visits: int, subjects: int = 1) -> tuple[Cohort, list[np.ndarray]]:
    rows, poses = [], []
    for s in range(subjects):
        for number in visits:
            path = folder / f"{s}-{number}.nii.gz"
            poses.append(write_visit(path, number + 10 * s * (number > 0)))
            if s and not number:  # the same brain, other bytes
                image = nib.load(path)
                nib.save(nib.Nifti1Image(np.asarray(image.dataobj) + s, image.affine), path)
            rows.append({"subject": f"s{s}", "visit": f"v{number}", "years": number, "path": path})
    empty = pd.DataFrame(columns=list(LEFT_OUT))
    table = visit_table(pd.DataFrame(rows), "test")
    return Cohort("test", table, True, empty, frozenset({"brain"})), poses


def prepare(found: Cohort, folder: Path, settings: PreparationSettings = SETTINGS) -> Prepared:
    return prepare_cohort(found, GRID, folder, Console(quiet=True), settings)


def logged(folder: Path) -> list[list[str]]:
    return [line.split("\t") for line in (folder / "preparation.log").read_text().splitlines()]


@pytest.fixture(scope="module", autouse=True)
def _hasty() -> Iterator[None]:
    """Fewer samples: quicker, less accurate."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registration, "SAMPLES", 20_000)
        yield


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[Cohort, list[np.ndarray]]:
    return cohort(tmp_path_factory.mktemp("scans"), 0, 1, 2)


@pytest.fixture(scope="module")
def prepared(
    found: tuple[Cohort, list[np.ndarray]], tmp_path_factory: pytest.TempPathFactory
) -> Prepared:
    return prepare(found[0], tmp_path_factory.mktemp("out"))


def test_visits_are_aligned_in_the_template(
    found: tuple[Cohort, list[np.ndarray]], prepared: Prepared
) -> None:
    template = load_template()
    points = apply_affine(template.affine, np.argwhere(template.data > 0)[::9000])
    transforms = [prepared.transforms[path] for path in prepared.table["volume"]]
    for transform, pose in zip(transforms, found[1], strict=True):
        between = transform @ np.linalg.inv(transforms[0])  # first scan's world to this one's
        start = apply_affine(found[1][0], points)
        apart = apply_affine(between, start) - apply_affine(pose, points)
        assert np.linalg.norm(apart, axis=1).max() < 1.5
    volumes = [nib.load(path) for path in prepared.table["volume"]]
    for volume in volumes:
        assert np.allclose(nib.as_closest_canonical(volume).affine, mni_affine(GRID))
    assert prepared.traits.same_space
    assert prepared.traits.skull_stripped


def test_quality_is_measured(prepared: Prepared) -> None:
    quality = prepared.table.filter(like="quality_")
    assert not quality.isna().any(axis=None)
    assert quality["quality_overlap"].between(0.93, 1).all()
    assert quality["quality_similarity"].between(0.9, 1).all()
    assert quality["quality_brain_ml"].between(1600, 2100).all()
    assert quality["quality_scale"].between(0.93, 1.07).all()
    assert (quality["quality_jump_mm"] > [0, 1, 1]).all()
    assert (quality["quality_turn_degrees"] > [0, 1, 1]).all()


def test_the_background_is_exact_and_the_range_is_used(prepared: Prepared) -> None:
    for path in prepared.table["volume"]:
        volume = read_volume(path)
        assert (volume[0] == -1).all()
        assert volume.min() == -1
        assert volume.max() == 1
        assert 0.3 < (volume > -1).mean() < 0.7


def test_the_source_does_not_depend_on_its_follow_ups(
    found: tuple[Cohort, list[np.ndarray]], prepared: Prepared, tmp_path: Path
) -> None:
    fewer = Cohort(**{**vars(found[0]), "visits": found[0].visits.drop(index=1)})
    alone = prepare(fewer, tmp_path / "out")
    assert file_digest(Path(alone.table["volume"][0])) == file_digest(
        Path(prepared.table["volume"][0])
    )


def test_an_unfinished_subject_is_finished_without_repeated_work(
    found: tuple[Cohort, list[np.ndarray]],
    prepared: Prepared,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def killed(*_: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(chain, "_prepare_follow_up", killed)
        with pytest.raises(SystemExit):
            prepare(found[0], tmp_path)
    assert [line[2] for line in logged(tmp_path)] == ["v0"]
    monkeypatch.setattr(chain, "register_template", None)  # known from the record
    again = prepare(found[0], tmp_path)
    assert [line[1:4] for line in logged(tmp_path)] == [
        ["s0", f"v{number}", "prepared"] for number in range(3)
    ]
    digests = [[file_digest(Path(p)) for p in t.table["volume"]] for t in (prepared, again)]
    assert digests[0] == digests[1]


@pytest.mark.slow
def test_processes_change_nothing_and_survive_a_kill(tmp_path: Path) -> None:
    found, _ = cohort(tmp_path, 0, 1, subjects=4)
    found.visits.to_csv(tmp_path / "visits.csv", index=False)
    program = f"""
import sys; sys.path.insert(0, {str(Path(__file__).parents[4])!r})
import pandas as pd
from pathlib import Path
from longibench.benchmark.core.console import Console
from longibench.benchmark.core.grid import Grid
from longibench.benchmark.preparation.prepare import prepare_cohort
from longibench.benchmark.settings.preparation import PreparationSettings
from longibench.benchmark.cohorts.visit_table import Cohort, LEFT_OUT
if __name__ == "__main__":
    table = pd.read_csv({str(tmp_path / "visits.csv")!r})
    found = Cohort("x", table, True, pd.DataFrame(columns=list(LEFT_OUT)), frozenset(["brain"]))
    prepare_cohort(found, Grid(shape=(40, 48, 40), spacing_mm=4.0), Path({str(tmp_path / "out")!r}),
                   Console(quiet=True), PreparationSettings(brain="background", bias="none",
                                       registration="none", workers=2))
"""
    (tmp_path / "program.py").write_text(program)
    process = subprocess.Popen([sys.executable, str(tmp_path / "program.py")])
    log = tmp_path / "out" / "preparation.log"
    while not log.is_file() and process.poll() is None:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    time.sleep(0.5)  # its workers end with it
    before = len(logged(log.parent))
    time.sleep(1)
    assert len(logged(log.parent)) == before < 8
    subprocess.run([sys.executable, str(tmp_path / "program.py")], check=True)
    lines = logged(log.parent)
    assert len({tuple(line[1:3]) for line in lines}) == len(lines)  # none is prepared twice
    # A kill between storing and logging loses lines of the current subjects, at most of both.
    assert 8 - 2 * 2 <= len(lines) <= 8
    undisturbed = prepare(found, tmp_path / "other", PLAIN)
    for path in undisturbed.table["volume"]:
        assert file_digest(Path(path)) == file_digest(log.parent / Path(path).name)


def test_without_further_steps_the_scan_keeps_its_position(tmp_path: Path) -> None:
    found, _ = cohort(tmp_path, 0, 1)
    there = Cohort(
        **{**vars(found), "done": frozenset({"bias", "brain", "registration"}), "space": "MNI152"}
    )
    prepared = prepare(there, tmp_path / "out", PreparationSettings())
    for path in prepared.table["volume"]:
        assert np.array_equal(prepared.transforms[path], np.eye(4))
        assert np.allclose(nib.as_closest_canonical(nib.load(path)).affine, mni_affine(GRID))
    assert prepared.table.filter(like="quality_").isna().all(axis=None)


def test_a_summary_counts_the_reasons(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found, _ = cohort(tmp_path, 0, 1, 2)
    (tmp_path / "0-1.nii.gz").write_bytes(b"")
    prepared = prepare_cohort(found, GRID, tmp_path / "out", Console(), PLAIN)
    printed = capsys.readouterr().err
    assert "1 visits are left out" in printed
    assert "1  cannot be read: s0 v1" in printed
    assert prepared.left_out["reason"].tolist() == ["cannot be read"]
    with pytest.raises(UserError, match="subject s0, visit v1"):
        prepare_cohort(found, GRID, tmp_path / "out", Console(), PLAIN, strict=True)
