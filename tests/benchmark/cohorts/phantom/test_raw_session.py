import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import torch
from nibabel.affines import apply_affine
from numpy.typing import NDArray
from scipy import ndimage

from longibench.benchmark.cohorts.phantom.dataset import write_phantom
from longibench.benchmark.cohorts.phantom.labels import LABELS
from longibench.benchmark.cohorts.phantom.truth import (
    BRAIN_MASK,
    DSEG,
    TRUTH,
    read_pose,
    truth_file,
)
from longibench.benchmark.core.console import Console
from longibench.benchmark.core.files import file_digest
from longibench.benchmark.settings.phantom import PhantomSettings
from longibench.benchmark.settings.phantom_raw import RawSettings, SliceProtocol

pytestmark = pytest.mark.slow  # the file's fixture takes more than ten seconds

COARSE = RawSettings(
    protocols=(
        SliceProtocol(in_plane_mm=3, slice_mm=3),
        SliceProtocol(in_plane_mm=2.5, slice_mm=5),
    )
)
SMALL = PhantomSettings(subjects=2, follow_up_years=(5.0,), scattered=True, raw=COARSE)
VISITS = [(subject, visit) for subject in ("0001", "0002") for visit in ("M000", "M060")]


@pytest.fixture(scope="module")
def phantom(tmp_path_factory: pytest.TempPathFactory, templates: None) -> Path:
    folder = tmp_path_factory.mktemp("phantom") / "raw"
    write_phantom(folder, SMALL, Console(quiet=True))
    return folder


@pytest.fixture(scope="module")
def truth(phantom: Path) -> pd.DataFrame:
    table = pd.read_csv(phantom / TRUTH / "truth.tsv", sep="\t")
    return table.set_index(["participant_id", "session_id"])


def load(path: Path) -> tuple[NDArray, NDArray]:
    image = nib.load(path)
    return np.asarray(image.dataobj), image.affine


def scan_path(phantom: Path, subject: str, visit: str) -> Path:
    stem = f"sub-{subject}_ses-{visit}_T1w.nii.gz"
    return phantom / f"sub-{subject}" / f"ses-{visit}" / "anat" / stem


def test_same_bytes_in_a_smaller_cohort_and_with_other_threads(
    phantom: Path, tmp_path: Path
) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(2 if threads == 1 else 1)
    try:
        settings = SMALL.model_copy(update={"subjects": 1})
        write_phantom(tmp_path / "again", settings, Console(quiet=True))
    finally:
        torch.set_num_threads(threads)
    files = [path for path in tmp_path.rglob("sub-0001*") if path.is_file()]
    assert len(files) == 10
    for path in files:
        twin = phantom / path.relative_to(tmp_path / "again")
        assert file_digest(path) == file_digest(twin), path.name


@pytest.mark.parametrize("subject", ["0001", "0002"])
def test_true_poses_bring_a_follow_up_onto_the_first_visit(phantom: Path, subject: str) -> None:
    first, to_world = load(truth_file(phantom, subject, "M000", BRAIN_MASK))
    later, from_world = load(truth_file(phantom, subject, "M060", BRAIN_MASK))
    poses = [read_pose(phantom, subject, visit) for visit in ("M000", "M060")]
    motion = poses[0] @ np.linalg.inv(poses[1])  # world of the follow-up -> of the first visit
    moved = overlap(first, later, np.linalg.inv(from_world) @ np.linalg.inv(motion) @ to_world)
    wrong = overlap(first, later, np.linalg.inv(from_world) @ motion @ to_world)
    still = overlap(first, later, np.linalg.inv(from_world) @ to_world)
    assert moved > 0.93
    assert moved > max(wrong, still) + 0.05


def overlap(first: NDArray, later: NDArray, to_later: NDArray) -> float:
    """Dice of a mask and another one sampled at its voxels."""
    carried = ndimage.affine_transform(later, to_later, output_shape=first.shape, order=0)
    return float(2 * (first & carried).sum() / (first.sum() + carried.sum()))


@pytest.mark.parametrize("visit", VISITS)
def test_poses_are_rigid_and_where_the_brain_lies(phantom: Path, visit: tuple[str, str]) -> None:
    pose = read_pose(phantom, *visit)
    assert np.allclose(pose[:3, :3] @ pose[:3, :3].T, np.eye(3))
    assert np.linalg.det(pose) == pytest.approx(1)
    mask, affine = load(truth_file(phantom, *visit, BRAIN_MASK))
    middle = apply_affine(np.linalg.inv(pose) @ affine, np.argwhere(mask)).mean(axis=0)
    assert np.abs(middle).max() < 10  # the brain's centre is near the head's


@pytest.mark.parametrize("visit", VISITS)
def test_the_header_has_the_voxels_that_were_sampled(
    phantom: Path, truth: pd.DataFrame, visit: tuple[str, str]
) -> None:
    row = truth.loc[(f"sub-{visit[0]}", f"ses-{visit[1]}")]
    image = nib.load(scan_path(phantom, *visit))
    assert "".join(nib.aff2axcodes(image.affine)) == row["orientation"]
    sizes = (row["in_plane_mm"], row["in_plane_mm"], row["slice_mm"])
    assert image.header.get_zooms() == pytest.approx(sizes)
    assert image.header["qform_code"] == image.header["sform_code"] == 1
    assert np.allclose(image.header.get_qform(), image.header.get_sform(), atol=1e-3)
    for kind in (BRAIN_MASK, DSEG):
        labels, affine = load(truth_file(phantom, *visit, kind))
        assert labels.shape == image.shape
        assert np.array_equal(affine, image.affine)


def test_visits_differ_in_grid_and_pose(phantom: Path, truth: pd.DataFrame) -> None:
    for _, visits in truth.groupby("participant_id"):
        assert visits["orientation"].nunique() == 2
    assert truth["gain"].nunique() == len(truth)
    poses = [read_pose(phantom, *visit) for visit in VISITS]
    assert min(np.abs(a - b).max() for a, b in pairwise(poses)) > 3


@pytest.mark.parametrize("visit", VISITS)
def test_air_has_rayleigh_noise(phantom: Path, visit: tuple[str, str]) -> None:
    scan, affine = load(scan_path(phantom, *visit))
    voxels = np.indices(scan.shape).reshape(3, -1).T
    from_head = np.linalg.inv(read_pose(phantom, *visit)) @ affine
    above = apply_affine(from_head, voxels)[:, 2].reshape(scan.shape) > 0
    mask, _ = load(truth_file(phantom, *visit, BRAIN_MASK))
    distance = ndimage.distance_transform_edt(mask == 0, nib.affines.voxel_sizes(affine))
    air = scan[above & (distance > 35)].astype(float)
    assert air.size > 1000
    # Rayleigh: mean / standard deviation = sqrt(pi / (4 - pi)).
    assert air.mean() / air.std() == pytest.approx(np.sqrt(np.pi / (4 - np.pi)), rel=0.08)


@pytest.mark.parametrize("visit", VISITS)
def test_a_dark_skull_lies_between_brain_and_bright_scalp(
    phantom: Path, visit: tuple[str, str]
) -> None:
    scan, affine = load(scan_path(phantom, *visit))
    labels, _ = load(truth_file(phantom, *visit, DSEG))
    voxels = np.indices(scan.shape).reshape(3, -1).T
    to_head = np.linalg.inv(read_pose(phantom, *visit)) @ affine
    above = apply_affine(to_head, voxels)[:, 2].reshape(scan.shape) > 20
    outward = ndimage.distance_transform_edt(labels == 0, nib.affines.voxel_sizes(affine))
    skull = np.median(scan[above & (outward > 3) & (outward < 7)])
    scalp = np.percentile(scan[above & (outward > 8) & (outward < 16)], 75)
    white = np.median(scan[labels == 3])
    grey = np.median(scan[labels == 2])
    fluid = np.median(scan[labels == 4])
    assert skull < 0.75 * white < white < scalp  # thick slices blur the skull
    assert fluid < 0.7 * grey < grey < 0.9 * white


def test_labels_have_the_volumes_of_the_truth(phantom: Path, truth: pd.DataFrame) -> None:
    for subject, visit in VISITS:
        labels, affine = load(truth_file(phantom, subject, visit, DSEG))
        mask, _ = load(truth_file(phantom, subject, visit, BRAIN_MASK))
        assert np.array_equal(mask, labels > 0)
        row = truth.loc[(f"sub-{subject}", f"ses-{visit}")]
        ml = (
            np.bincount(labels.ravel(), minlength=len(LABELS) + 1)
            * abs(np.linalg.det(affine))
            / 1000
        )
        found = {name: ml[value] for name, value in LABELS.items()}
        brain = found["grey"] + found["white"] + found["hippocampus"]
        assert brain == pytest.approx(row["brain_ml"], rel=0.07)
        assert found["white"] == pytest.approx(row["white_ml"], rel=0.1)
        assert found["ventricle"] == pytest.approx(row["ventricle_ml"], rel=0.12)
        assert found["hippocampus"] == pytest.approx(row["hippocampus_ml"], rel=0.25)


def test_it_says_that_nothing_was_done_to_it(phantom: Path) -> None:
    description = json.loads((phantom / "dataset_description.json").read_text())
    assert description["LongibenchPreparation"] == []
    assert json.loads((phantom / "T1w.json").read_text())["SkullStripped"] is False


@pytest.mark.parametrize("part", [".", "derivatives/truth"])
def test_the_bids_validator_finds_no_error_in_raw_heads(
    phantom: Path, part: str, bids_errors: Callable[[Path], list[dict]]
) -> None:
    assert bids_errors(phantom / part) == []
