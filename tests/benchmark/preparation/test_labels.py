"""Label maps of the user: resampled onto the grid like their scans, or refused."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from longibench.benchmark.core.console import Console
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.workspace import Workspace
from longibench.benchmark.evaluation.evaluate_command import Options, submit
from longibench.benchmark.evaluation.score_table import read_scores
from longibench.benchmark.preparation.labels import carry_labels
from longibench.benchmark.protocol.pairs import annotate

AFFINE = np.diag([2.0, 2, 2, 1])
SHAPE = (16, 18, 16)
VENTRICLE = 4  # FreeSurfer's left lateral ventricle


def ball(radius: float) -> np.ndarray:
    """A ventricle of a radius in voxels in the middle of the volume."""
    middle = (np.array(SHAPE) - 1)[:, None, None, None] / 2
    distance = np.sqrt(((np.indices(SHAPE) - middle) ** 2).sum(axis=0))
    return np.where(distance < radius, VENTRICLE, 0).astype(np.int16)


def test_labels_are_transformed_like_their_scan() -> None:
    """The scan lies 4 mm to the right of the grid, on voxels of 1 mm."""
    grid = nib.Nifti1Image(np.zeros(SHAPE, np.float32), AFFINE)
    fine = np.repeat(np.repeat(np.repeat(ball(5), 2, 0), 2, 1), 2, 2)
    affine = np.diag([1.0, 1, 1, 1])
    affine[:3, 3] = np.array([4, 0, 0]) - 0.5
    moved = np.eye(4)
    moved[0, 3] = 4
    found = carry_labels(nib.Nifti1Image(fine, affine), grid, moved)
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, ball(5))


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Three people whose ventricles' radius grows from 4 to 5 voxels in a year."""
    rng = np.random.default_rng(0)
    rows = []
    for subject in ("a", "b", "c"):
        for year in (0, 1):
            name = f"{subject}-{year}"
            voxels = rng.random(SHAPE).astype(np.float32)
            nib.save(nib.Nifti1Image(voxels, AFFINE), tmp_path / f"{name}.nii.gz")
            nib.save(nib.Nifti1Image(ball(4 + year), AFFINE), tmp_path / f"{name}_dseg.nii.gz")
            rows.append((subject, f"y{year}", year, f"{name}.nii.gz", f"{name}_dseg.nii.gz"))
    columns = ["subject", "visit", "years", "path", "segmentation"]
    pd.DataFrame(rows, columns=columns).to_csv(tmp_path / "study.csv", index=False)
    return tmp_path / "study.csv"


def options(study: Path, listed: Path) -> Options:
    return Options(
        place=listed,
        against=f"table:{study}",
        as_is=True,
        intensities="0,1",
        metrics="ventricles-labels-change-error,ssim",
        overrides=("readers.table.labels=segmentation",),
    )


def test_change_is_counted_on_label_maps(study: Path, tmp_path: Path) -> None:
    """The generated ventricles stay as large as the source's: short of the whole change."""
    listed = tmp_path / "list.csv"
    lines = [f"{s},y1,{s}-1.nii.gz,{s}-0_dseg.nii.gz" for s in ("a", "b", "c")]
    listed.write_text("\n".join(["subject,visit,generated,labels", *lines]) + "\n")
    folder, _ = submit(options(study, listed), Workspace(tmp_path / "runs"), Console(quiet=True))
    scores = read_scores(folder / "scores.csv").groupby("metric")["value"].mean()
    before, after = ((ball(radius) > 0).sum() for radius in (4, 5))
    assert scores["ventricles-labels-change-error"] == pytest.approx(100 * abs(after / before - 1))


def test_a_volume_without_labels_has_a_note(study: Path, tmp_path: Path) -> None:
    listed = tmp_path / "list.csv"
    lines = [f"{s},y1,{s}-1.nii.gz" for s in ("a", "b", "c")]
    listed.write_text("\n".join(["subject,visit,generated", *lines]) + "\n")
    folder, _ = submit(options(study, listed), Workspace(tmp_path / "runs"), Console(quiet=True))
    scores = read_scores(folder / "scores.csv")
    notes = scores.loc[scores["metric"] == "ventricles-labels-change-error", "note"]
    assert notes.str.contains("label map").all()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.unlink(), "label map .*: no such folder or file"),
        (lambda path: path.write_bytes(b"no image"), "the label map cannot be read"),
        (
            lambda path: nib.save(nib.Nifti1Image(ball(4) * 0.3, AFFINE), path),
            "one whole number a voxel",
        ),
    ],
)
def test_a_bad_label_map_is_named(
    study: Path, tmp_path: Path, damage: object, message: str
) -> None:
    damage(tmp_path / "b-1_dseg.nii.gz")  # type: ignore[operator]
    listed = tmp_path / "list.csv"
    lines = [f"{s},y1,{s}-1.nii.gz" for s in ("a", "b", "c")]
    listed.write_text("\n".join(["subject,visit,generated", *lines]) + "\n")
    with pytest.raises(UserError, match=message) as refused:
        submit(options(study, listed), Workspace(tmp_path / "runs"), Console(quiet=True))
    assert "b-1_dseg.nii.gz" in str(refused.value)


def test_pairs_have_the_covariates_of_the_source() -> None:
    pairs = pd.DataFrame({"subject": ["a"], "source": ["s.nii"], "target": ["t.nii"]})
    table = pd.DataFrame(
        {
            "volume": ["s.nii", "t.nii"],
            "group": ["CN", "AD"],
            "volume_labels": ["s_dseg.nii", None],
        }
    )
    row = annotate(pairs, table).iloc[0]
    assert row["group"] == "CN"
    assert row["source_labels"] == "s_dseg.nii"
    assert pd.isna(row["target_labels"])
    assert "sex" not in row
