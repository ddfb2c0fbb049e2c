"""Scoring a folder against a cohort without training, as the evaluate command does."""

import shutil
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from longibench.benchmark.core.console import Console
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.workspace import Workspace
from longibench.benchmark.evaluation.evaluate_command import Options, _device, submit
from longibench.benchmark.evaluation.score_table import read_scores
from longibench.benchmark.preparation.store.volumes import load_nifti

PATTERN = "sub-{subject}_{visit}_sample-{sample}_T1w.nii.gz"
FAST = ("metrics.names=[ssim,mae]", "split.test=3")
AFFINE = np.diag([2.0, 2, 2, 1])
SHAPE = (16, 18, 16)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A table of scans on one grid in [0, 1], as another pipeline wrote them."""
    rng = np.random.default_rng(0)
    rows = []
    for subject in ("a", "b", "c"):
        for year in (0, 1, 2):
            name = f"{subject}-{year}.nii.gz"
            voxels = rng.random(SHAPE).astype(np.float32)
            nib.save(nib.Nifti1Image(voxels, AFFINE), tmp_path / name)
            rows.append((subject, f"y{year}", year, "F" if subject == "a" else "M", name))
    columns = ["subject", "visit", "years", "sex", "path"]
    pd.DataFrame(rows, columns=columns).to_csv(tmp_path / "study.csv", index=False)
    return tmp_path / "study.csv"


@pytest.fixture
def volumes(study: Path) -> Path:
    """The real follow-ups themselves in place of generated ones."""
    folder = study.parent / "volumes"
    folder.mkdir()
    for subject in ("a", "b", "c"):
        for year in (1, 2):
            shutil.copy(
                study.parent / f"{subject}-{year}.nii.gz", folder / f"{subject}_y{year}.nii.gz"
            )
    return folder


@pytest.fixture
def score(study: Path, volumes: Path, tmp_path: Path) -> Callable[..., pd.DataFrame]:
    def call(**more: object) -> pd.DataFrame:
        given: dict = {
            "pattern": "{subject}_{visit}.nii.gz",
            "against": f"table:{study}",
            "as_is": True,
            "intensities": "0,1",
            "overrides": FAST,
            **more,
        }
        folder, _ = submit(Options(place=volumes, **given), Workspace(tmp_path / "runs"), QUIET)
        return read_scores(folder / "scores.csv")

    return call


QUIET = Console(quiet=True)


def test_the_real_follow_ups_score_perfectly_against_themselves(
    score: Callable[..., pd.DataFrame],
) -> None:
    scores = score()
    assert len(scores) == 2 * 6
    values = scores.groupby("metric")["value"]
    assert values.min()["ssim"] == pytest.approx(1, abs=1e-6)
    assert values.max()["mae"] == pytest.approx(0, abs=2e-5)  # prepared volumes are rounded


def test_scans_in_0_to_1_are_refused_until_their_range_is_given(
    score: Callable[..., pd.DataFrame], tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"all 9 volumes run from .* --range 0,1"):
        score(intensities="")
    assert not list((tmp_path / "runs").glob("*/protocol.json"))
    assert len(score()) == 2 * 6


def test_a_folder_that_lacks_pairs_is_refused_or_scored_under_another_protocol(
    score: Callable[..., pd.DataFrame], volumes: Path, tmp_path: Path
) -> None:
    score()
    (volumes / "a_y2.nii.gz").unlink()
    with pytest.raises(UserError, match="subject a, visit y2 is missing"):
        score()
    assert len(list((tmp_path / "runs").glob("*/protocol.json"))) == 1
    assert len(score(some=True)) == 2 * 5
    assert len(list((tmp_path / "runs").glob("*/protocol.json"))) == 2


def test_volumes_without_any_pair_are_refused(
    score: Callable[..., pd.DataFrame], volumes: Path
) -> None:
    for path in volumes.iterdir():
        path.rename(path.with_name(path.name.replace("_y", "_z")))
    with pytest.raises(UserError, match="no volume belongs to a pair of the cohort"):
        score(some=True)


def test_only_the_split_s_test_part(score: Callable[..., pd.DataFrame], volumes: Path) -> None:
    with pytest.raises(UserError, match="is not a pair of this protocol"):
        score(part="test", overrides=("metrics.names=[ssim]", "split.test=1"))


def test_the_pairs_have_the_covariates_of_the_subjects(
    score: Callable[..., pd.DataFrame], tmp_path: Path
) -> None:
    score()
    (pairs,) = (tmp_path / "runs").glob("*/pairs.csv")
    assert set(pd.read_csv(pairs)["sex"]) == {"F", "M"}


def test_a_bad_volume_leaves_no_protocol(
    score: Callable[..., pd.DataFrame], volumes: Path, tmp_path: Path
) -> None:
    path = volumes / "b_y1.nii.gz"
    nib.save(nib.Nifti1Image(np.full(SHAPE, np.nan, np.float32), AFFINE), path)
    with pytest.raises(UserError, match=r"b_y1.nii.gz: it has .* not finite"):
        score()
    assert not list((tmp_path / "runs").glob("*/protocol.json"))
    assert not (tmp_path / "runs" / "latest").exists()


def test_another_grid_is_refused_or_resampled_on_request(
    score: Callable[..., pd.DataFrame], volumes: Path, tmp_path: Path
) -> None:
    for path in volumes.iterdir():
        image = nib.load(path)
        nib.save(image.as_reoriented(np.array([[0, -1], [1, 1], [2, 1]])), path)
    score()  # only turned: nothing is interpolated
    for path in volumes.iterdir():
        image = nib.load(path)
        nib.save(image.slicer[1:, :, :], path)
    with pytest.raises(UserError, match=r"its shape is \(15, 18, 16\).*--grid resample"):
        score(name="cut")
    scores = score(name="cut", grid="resample")
    assert scores.loc[scores["metric"] == "mae", "value"].mean() < 0.1
    copies = list((tmp_path / "runs").glob("*/predictions/cut-*/*_T1w.nii.gz"))
    assert {nib.load(path).shape for path in copies} == {SHAPE}  # what the report will show


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"intensities": "1,0"}, "the first value must be the lower one"),
        ({"intensities": "white"}, "write two numbers, such as --range 0,1"),
        ({"grid": "strikt"}, "unknown --grid 'strikt'. Did you mean 'strict'"),
        ({"part": "tests"}, "unknown --part 'tests'. Did you mean 'test'"),
        ({"protocol": "abc"}, "--protocol names a protocol that was run"),
        ({"metrics": "ssim,ssim", "overrides": ()}, "ssim .*twice"),
        ({"against": None, "as_is": True}, "--as-is needs --against"),
        ({"against": "table:none.csv"}, "none.csv"),
        ({"as_is": False}, "no preset's grid has"),
    ],
)
def test_mistyped_options_are_named(
    score: Callable[..., pd.DataFrame], options: dict[str, object], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        score(**options)


def test_the_grid_is_that_of_the_volumes(base: Path, tmp_path: Path) -> None:
    (folder,) = base.glob("*/predictions/copy-source-*")
    (phantom,) = base.glob("cohorts/phantom-*")
    options = Options(
        place=folder,
        against=f"bids:{phantom}",
        name="copy",
        preset="demo",
        some=True,
        overrides=("grid.shape=[16,20,16]", "grid.spacing_mm=8", "metrics.names=[ssim,ssim-head]"),
    )
    place, _ = submit(options, Workspace(tmp_path / "runs"), QUIET)
    scores = read_scores(place / "scores.csv")
    old = read_scores(folder / "scores.csv")
    for name in ("ssim", "ssim-head"):
        ours, theirs = (t.loc[t["metric"] == name, "value"] for t in (scores, old))
        np.testing.assert_array_equal(ours, theirs)  # ids differ: labels of a BIDS cohort
    assert load_nifti(next(folder.glob("*.nii.gz"))).shape == (16, 20, 16)


def test_metrics_compute_on_the_presets_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    preset = tmp_path / "mine.yaml"
    preset.write_text("extends: demo\ndevice: {accelerator: cpu}\n")
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    assert _device(Options(place=tmp_path)) == "cuda"
    assert _device(Options(place=tmp_path, preset=str(preset))) == "cpu"
    assert _device(Options(place=tmp_path, overrides=("device.accelerator=cpu",))) == "cpu"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            {"pairs": "yearly", "overrides": (*FAST, "pairs.tolerance_years=0.001")},
            "no volume|not a pair|no pair",
        ),
        ({"part": "test", "overrides": ("split.test=9",)}, "split.test=9: needs to be between"),
        ({"pairs": "yearly", "extra": "a_y7"}, "subject a, visit y7 is not a pair of this"),
        ({"lacks": "b_y2"}, "subject b, visit y2 is missing"),
        ({"some": True, "extra": "a_y0"}, "subject a, visit y0 is not a pair of this"),
    ],
)
@pytest.mark.parametrize("as_is", [True, False])
def test_tables_decide_before_a_scan_is_opened(
    score: Callable[..., pd.DataFrame],
    study: Path,
    volumes: Path,
    tmp_path: Path,
    more: dict[str, object],
    message: str,
    as_is: bool,
) -> None:
    """The scans are empty files, and the refusal is about pairs."""
    rows = pd.read_csv(study)
    rows["years"] += np.where(rows["years"] > 0, 0.01, 0)
    rows.to_csv(study, index=False)
    for name in rows["path"]:
        (study.parent / name).write_bytes(b"")
    given = dict(more)
    if "extra" in given:
        shutil.copy(volumes / "a_y1.nii.gz", volumes / f"{given.pop('extra')}.nii.gz")
    if "lacks" in given:
        (volumes / f"{given.pop('lacks')}.nii.gz").unlink()
    with pytest.raises(UserError, match=message):
        score(as_is=as_is, preset="demo", **given)
    assert not list(tmp_path.glob("runs/prepared"))
